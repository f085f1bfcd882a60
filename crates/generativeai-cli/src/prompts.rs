//! Named prompts: templates with placeholders for the message and for parameters.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::exit::UsageError;
use crate::settings::{self, Named};
use crate::suggest::suggest;

/// Name of the placeholder that the message replaces.
const INPUT: &str = "input";

/// A named prompt. `{{input}}` in its text is replaced by the message, and `{{NAME}}` by a parameter.
#[derive(Debug)]
pub(crate) struct Prompt {
    name: String,
    text: String,
}

impl Prompt {
    /// Finds a prompt in the table `[prompts]` of the settings, or else in the file `prompts/NAME.md` next to them.
    ///
    /// # Errors
    /// The prompt does not exist, or its file cannot be read.
    pub(crate) fn find(name: &str, of_settings: &Named) -> anyhow::Result<Self> {
        let text = match of_settings.get(name) {
            Some(text) => text.clone(),
            None => read(name)?.ok_or_else(|| unknown(name, of_settings))?,
        };
        Ok(Self {
            name: name.to_owned(),
            text,
        })
    }

    /// Returns the message to send. A prompt without `{{input}}` is followed by the message, if any.
    ///
    /// # Errors
    /// The message or a parameter is missing, a parameter is not in the prompt or has two values, or it is the message.
    pub(crate) fn fill(
        &self,
        message: Option<&str>,
        parameters: &[(String, String)],
    ) -> Result<String, UsageError> {
        let name = &self.name;
        for (at, (given, _)) in parameters.iter().enumerate() {
            if given == INPUT {
                let message = "`input` is the message: write it without --param";
                return Err(UsageError(message.to_owned()));
            }
            if parameters[..at].iter().any(|(earlier, _)| earlier == given) {
                let message = format!("the parameter `{given}` has two values: remove one");
                return Err(UsageError(message));
            }
        }
        let mut filled = String::new();
        let mut rest = self.text.as_str();
        let mut used = Vec::new();
        // Only the template is searched: braces in the message or in a value stay text.
        while let Some((before, (parameter, after))) = next_place(rest) {
            let value = if parameter == INPUT {
                message.ok_or_else(|| UsageError(format!("the prompt `{name}` needs a message")))?
            } else {
                let mut given = parameters.iter();
                let given = given.find(|(given, _)| given == parameter);
                &given.ok_or_else(|| missing(name, parameter))?.1
            };
            used.push(parameter);
            filled.push_str(before);
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        if let Some((extra, _)) = parameters
            .iter()
            .find(|(given, _)| !used.contains(&&**given))
        {
            let message = format!("the prompt `{name}` has no parameter `{extra}`");
            return Err(UsageError(message));
        }
        match message {
            Some(message) if !used.contains(&INPUT) => {
                Ok(format!("{}\n\n{message}", filled.trim_end()))
            }
            _ => Ok(filled),
        }
    }
}

/// Splits the text at the first placeholder. Returns the text before it, its name, and the text after it.
fn next_place(text: &str) -> Option<(&str, (&str, &str))> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, (name.trim(), after)))
}

/// Returns the folder of the prompts that are files, next to the settings.
fn folder() -> Option<PathBuf> {
    Some(settings::path().ok()?.with_file_name("prompts"))
}

/// Reads a prompt from its file. Returns `None` if the file does not exist.
fn read(name: &str) -> anyhow::Result<Option<String>> {
    // A path separator could lead to a file outside of the folder, and files with a leading dot are hidden.
    let is_name = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
    let Some(folder) = folder().filter(|_| is_name) else {
        return Ok(None);
    };
    let path = folder.join(format!("{name}.md"));
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read
            .map(Some)
            .with_context(|| UsageError(format!("cannot read {}", path.display()))),
    }
}

/// Creates the error for a prompt that does not exist. It suggests a similar name, or lists all.
fn unknown(name: &str, of_settings: &Named) -> UsageError {
    let files = folder().and_then(|folder| folder.read_dir().ok());
    let names = files.into_iter().flatten().flatten().filter_map(|file| {
        let name = file.file_name().into_string().ok()?;
        Some(name.strip_suffix(".md")?.to_owned())
    });
    let mut known: Vec<_> = of_settings.keys().cloned().chain(names).collect();
    known.sort_unstable();
    let remedy = match known.is_empty() {
        true => "write one into the table [prompts] of the settings".to_owned(),
        false => suggest(name, &known),
    };
    UsageError(format!("unknown prompt `{name}`: {remedy}"))
}

fn missing(name: &str, parameter: &str) -> UsageError {
    UsageError(format!(
        "the prompt `{name}` needs a value: add --param {parameter}=VALUE"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(
        text: &str,
        message: Option<&str>,
        parameters: &[(&str, &str)],
    ) -> Result<String, String> {
        let parameters = parameters
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let prompt = Prompt {
            name: "x".to_owned(),
            text: text.to_owned(),
        };
        let filled = prompt.fill(message, &parameters.collect::<Vec<_>>());
        filled.map_err(|error| error.to_string())
    }

    #[test]
    fn the_message_and_parameters_take_their_places() {
        let text = "Translate to {{ lang }}: {{input}}!";
        assert_eq!(
            fill(text, Some("{{lang}}"), &[("lang", "French")]).as_deref(),
            Ok("Translate to French: {{lang}}!")
        );
        assert_eq!(
            fill("Explain:\n", Some("this"), &[]).as_deref(),
            Ok("Explain:\n\nthis")
        );
        assert_eq!(
            fill("A joke, {please", None, &[]).as_deref(),
            Ok("A joke, {please")
        );
    }

    #[test]
    fn missing_and_superfluous_values_are_errors() {
        let error = |text, parameters: &[_]| fill(text, None, parameters).unwrap_err();
        assert_eq!(error("{{input}}", &[]), "the prompt `x` needs a message");
        assert!(error("{{lang}}", &[]).contains("--param lang=VALUE"));
        assert!(error("Hi", &[("lang", "French")]).contains("no parameter `lang`"));
        let twice = [("lang", "French"), ("lang", "German")];
        assert!(error("{{lang}}", &twice).contains("`lang` has two values"));
        assert!(error("{{input}}", &[("input", "Hi")]).contains("`input` is the message"));
    }
}
