// The panel of settings: reads and writes the settings of the current conversation.

import { byId } from "./dom.js";
import { DEFAULTS, problemsOf } from "./settings.js";

/** Shows settings in the form. Calls `changed(settings)` after each valid or invalid change. */
export class SettingsPanel {
  constructor(changed) {
    this.form = byId("settings");
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", () => {
      this.showProblems();
      changed(this.read());
    });
    byId("reset-settings").addEventListener("click", () => {
      this.write(DEFAULTS);
      changed(this.read());
    });
  }

  /** Whether a field of the form has the focus. */
  get isInUse() {
    return this.form.contains(document.activeElement);
  }

  read() {
    const settings = {};
    for (const [name, value] of Object.entries(DEFAULTS)) {
      const field = this.form.elements[name];
      settings[name] = typeof value === "boolean" ? field.checked : field.value;
    }
    return settings;
  }

  write(settings) {
    for (const [name, value] of Object.entries({ ...DEFAULTS, ...settings })) {
      const field = this.form.elements[name];
      if (!field) continue;
      if (typeof value === "boolean") field.checked = value;
      else field.value = value;
    }
    this.showProblems();
  }

  /** Marks the invalid fields, and returns the first problem with the name of its field. */
  showProblems() {
    const problems = problemsOf(this.read());
    let first = "";
    for (const name of Object.keys(DEFAULTS)) {
      const field = this.form.elements[name];
      const problem = problems[name] ?? "";
      field.setAttribute("aria-invalid", String(Boolean(problem)));
      const label = field.closest("label");
      const text = label.querySelector(".problem");
      if (text) text.textContent = problem;
      if (problem && !first) first = `${label.firstElementChild.textContent}: ${problem}`;
    }
    return first;
  }
}
