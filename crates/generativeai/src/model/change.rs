//! Going on with another model, or with another instruction.

use super::GenerativeModel;
use crate::protocol::content::Content;
use crate::tools::Toolbox;

impl GenerativeModel {
    /// Takes over what another model is told, given and set to; name, backend and cache stay.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let small = Scripted::default().then_text("Hm.");
    /// # let large = Scripted::default().then_text("It is 1,345 metres tall.");
    /// let guide = GenerativeModel::new("small").system_instruction("You are a mountain guide.");
    /// # let guide = guide.backend(small);
    /// let mut chat = guide.start_chat();
    /// chat.send_message("How tall is Ben Nevis?").await?;
    ///
    /// let model = GenerativeModel::new("large").like(chat.model());
    /// # let model = model.backend(large);
    /// chat.set_model(model);
    ///
    /// assert!(chat.model().instruction().is_some());
    /// assert_eq!(chat.history().len(), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn like(mut self, other: &Self) -> Self {
        self.system_instruction
            .clone_from(&other.system_instruction);
        self.settings = other.settings.clone();
        self
    }

    /// Takes back what the model is told before the conversation.
    #[must_use]
    pub fn without_system_instruction(mut self) -> Self {
        self.system_instruction = None;
        self
    }

    /// What the model is told before the conversation.
    pub fn instruction(&self) -> Option<&Content> {
        self.system_instruction.as_ref()
    }

    /// The tools the model may call.
    pub fn toolbox(&self) -> Option<&Toolbox> {
        self.settings.tools.as_ref()
    }
}
