//! Options in `#[function(…)]`, on a function or on a parameter.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::{Attribute, Error, Expr, ExprLit, Lit, LitStr, Meta, Result};

/// Options in `#[function(…)]`.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    /// Whether the function is declared to change nothing.
    pub(crate) read_only: bool,
}

impl Options {
    /// Parses the tokens within the parentheses.
    ///
    /// # Errors
    /// An option is unknown, has no string although it needs one, or occurs twice.
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut options = Self::default();
        options.add(tokens)?;
        Ok(options)
    }

    fn add(&mut self, tokens: TokenStream) -> Result<()> {
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("read_only") {
                if self.read_only {
                    return Err(meta.error("duplicate option"));
                }
                self.read_only = true;
                return Ok(());
            }
            let slot = if meta.path.is_ident("name") {
                &mut self.name
            } else if meta.path.is_ident("description") {
                &mut self.description
            } else {
                return Err(meta.error("unknown option: use `name`, `description` or `read_only`"));
            };
            if slot.is_some() {
                return Err(meta.error("duplicate option"));
            }
            *slot = Some(meta.value()?.parse()?);
            Ok(())
        });
        parser.parse2(tokens)
    }

    /// Removes each `#[function(…)]` from the attributes of a parameter and parses it.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse), and an option that applies to functions alone.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> Result<Self> {
        let mut options = Self::default();
        let is_own = |attribute: &mut Attribute| attribute.path().is_ident("function");
        for attribute in attributes.extract_if(.., is_own) {
            let tokens = &attribute.meta.require_list()?.tokens;
            options.add(tokens.clone())?;
            if options.read_only {
                let message = "`read_only` applies to a function, not to a parameter";
                return Err(Error::new_spanned(tokens, message));
            }
        }
        Ok(options)
    }
}

/// Returns the text of doc comments. `None` if there is none or it is empty.
pub(crate) fn documentation(attributes: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for attribute in attributes {
        if let Meta::NameValue(meta) = &attribute.meta
            && meta.path.is_ident("doc")
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(line),
                ..
            }) = &meta.value
        {
            let line = line.value();
            // The space after `///` is part of the attribute. Further indentation belongs to the text.
            let line = line.strip_prefix(' ').unwrap_or(&line);
            lines.push(line.trim_end().to_owned());
        }
    }
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}
