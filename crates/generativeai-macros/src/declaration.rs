//! What the model is told of a function, and what it may not be.

use syn::ext::IdentExt;
use syn::{Error, ItemFn, Result, Safety, Signature};

use crate::options::{Options, documentation};

/// The most characters the name of a function may have.
const LONGEST_NAME: usize = 128;

/// What the model is told of a function, beside its parameters.
pub(crate) struct Declaration {
    pub(crate) name: String,
    pub(crate) description: String,
}

impl Declaration {
    pub(crate) fn of(item: &ItemFn, options: &Options) -> Result<Self> {
        let identifier = &item.sig.ident;
        let (name, span) = match &options.name {
            Some(name) => (name.value(), name.span()),
            None => (identifier.unraw().to_string(), identifier.span()),
        };
        if !is_name(&name) {
            let message = "the name of a function begins with a letter or `_`, goes on with letters, \
                           digits, `_`, `.`, `:` and `-`, and has at most 128 characters";
            return Err(Error::new(span, message));
        }
        let described = options.description.as_ref().map(syn::LitStr::value);
        let Some(description) = described.or_else(|| documentation(&item.attrs)) else {
            let message = "a function for the model needs a doc comment: the model reads it to know \
                           what the function does";
            return Err(Error::new(identifier.span(), message));
        };
        Ok(Self { name, description })
    }
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    let begins = characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    begins && characters.all(goes_on) && name.len() <= LONGEST_NAME
}

/// Refuses what a function for the model cannot be.
pub(crate) fn refuse(item: &ItemFn) -> Result<()> {
    let signature = &item.sig;
    let generics = "a function for the model has no generics: the model has to know what to give";
    let unsafety = "a function for the model is not `unsafe`: anything may be given";
    let abi = "a function for the model is a Rust function";
    match signature {
        Signature {
            generics: found, ..
        } if !found.params.is_empty() => Err(Error::new_spanned(found, generics)),
        Signature {
            safety: Safety::Unsafe(found),
            ..
        } => Err(Error::new_spanned(found, unsafety)),
        Signature {
            abi: Some(found), ..
        } => Err(Error::new_spanned(found, abi)),
        _ => Ok(()),
    }
}
