//! The name and description of a function, and checks of its signature.

use syn::ext::IdentExt;
use syn::{Error, ItemFn, Result, Safety, Signature};

use crate::options::{Options, documentation};

/// Maximum length of a function name, a limit of the Gemini API.
const MAX_NAME_LENGTH: usize = 128;

/// Name and description of a function, which the model reads.
pub(crate) struct Declaration {
    pub(crate) name: String,
    pub(crate) description: String,
}

impl Declaration {
    /// Takes name and description from the options, else from the `fn` and its doc comment.
    ///
    /// # Errors
    /// The service would refuse the name, or the description is missing.
    pub(crate) fn new(item: &ItemFn, options: &Options) -> Result<Self> {
        let identifier = &item.sig.ident;
        // `unraw`: the API does not allow the `#` of an identifier such as `r#type`.
        let (name, span) = match &options.name {
            Some(name) => (name.value(), name.span()),
            None => (identifier.unraw().to_string(), identifier.span()),
        };
        if !is_valid_name(&name) {
            let message = "invalid function name: it starts with a letter or `_`, continues with letters, \
                           digits, `_`, `.`, `:` and `-`, and has at most 128 characters";
            return Err(Error::new(span, message));
        }
        let described = options.description.as_ref().map(syn::LitStr::value);
        let Some(description) = described.or_else(|| documentation(&item.attrs)) else {
            let message = "missing doc comment: the model reads it to know what the function does";
            return Err(Error::new(identifier.span(), message));
        };
        Ok(Self { name, description })
    }
}

/// Returns whether the Gemini API accepts a name of a function. An invalid one is a compile error instead of a failed
/// request.
fn is_valid_name(name: &str) -> bool {
    let mut characters = name.chars();
    let starts = characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let continues = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    starts && characters.all(continues) && name.len() <= MAX_NAME_LENGTH
}

/// Checks that a model can call a function with this signature.
///
/// # Errors
/// The function is generic, `unsafe`, or has another ABI.
pub(crate) fn validate(item: &ItemFn) -> Result<()> {
    let signature = &item.sig;
    let generics =
        "a function that the model calls has no generics: its parameters need a JSON Schema";
    let unsafety =
        "a function that the model calls is not `unsafe`: the model may pass any argument";
    let abi = "a function that the model calls has the Rust ABI";
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
