//! A parameter of a function: what it is called, and what is read for it.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Error, FnArg, Ident, Pat, PatType, Result, Type, TypeReference, parse_quote};

use crate::options::Options;

/// A parameter of a function.
pub(crate) struct Parameter {
    name: Ident,
    /// The type that is read; the function takes it, or a reference to it.
    read: Type,
    borrowed: bool,
    /// The attributes of the member that is read.
    attributes: Vec<Attribute>,
}

impl Parameter {
    /// Looks at a parameter, and takes the attributes that are no business of the compiler.
    pub(crate) fn take(argument: &mut FnArg) -> Result<Self> {
        let PatType { attrs, pat, ty, .. } = match argument {
            FnArg::Typed(argument) => argument,
            FnArg::Receiver(receiver) => {
                let message = "a function for the model takes no `self`: use `Function::new` with a \
                               closure that holds it";
                return Err(Error::new_spanned(receiver, message));
            }
        };
        let (kept, taken) = std::mem::take(attrs).into_iter().partition(stays);
        *attrs = kept;
        let name = name_of(pat)?;
        let (read, borrowed) = owned(ty)?;
        let mut attributes: Vec<Attribute> = taken;
        let options = Options::take(&mut attributes)?;
        if let Some(description) = &options.description {
            attributes.retain(|attribute| !attribute.path().is_ident("doc"));
            attributes.push(parse_quote!(#[doc = #description]));
        }
        let wire_name = match options.name {
            Some(name) => name.value(),
            None => name.unraw().to_string(),
        };
        if name.unraw() != wire_name {
            attributes.push(parse_quote!(#[serde(rename = #wire_name)]));
        }
        Ok(Self {
            name,
            read,
            borrowed,
            attributes,
        })
    }

    /// The member that is read from the arguments of a call.
    pub(crate) fn member(&self) -> TokenStream {
        let Self {
            name,
            read,
            attributes,
            ..
        } = self;
        quote! { #(#attributes)* #name: #read, }
    }

    /// What is given to the function.
    pub(crate) fn given(&self) -> TokenStream {
        let Self { name, borrowed, .. } = self;
        let reference = borrowed.then(|| quote!(&));
        quote! { #reference __arguments.#name }
    }
}

/// Whether an attribute of a parameter is for the compiler.
fn stays(attribute: &Attribute) -> bool {
    let ours = ["doc", "function", "serde", "schemars"];
    !ours.iter().any(|name| attribute.path().is_ident(name))
}

/// Takes out of a parameter what the compiler would not have there.
pub(crate) fn strip(argument: &mut FnArg) {
    if let FnArg::Typed(argument) = argument {
        argument.attrs.retain(stays);
    }
}

fn name_of(pattern: &Pat) -> Result<Ident> {
    match pattern {
        Pat::Ident(pattern) if pattern.subpat.is_none() && pattern.by_ref.is_none() => {
            Ok(pattern.ident.clone())
        }
        _ => {
            let message = "a parameter needs a name, by which the model gives it";
            Err(Error::new_spanned(pattern, message))
        }
    }
}

/// The type that is read for a parameter, and whether the function takes a reference to it.
fn owned(ty: &Type) -> Result<(Type, bool)> {
    let (read, borrowed) = match ty {
        Type::Reference(TypeReference {
            mutability: None,
            elem,
            ..
        }) => (own(elem), true),
        Type::ImplTrait(_) => {
            let message = "name the type: the model has to know what to give";
            return Err(Error::new_spanned(ty, message));
        }
        other => (other.clone(), false),
    };
    let lives_elsewhere = match ty {
        Type::Reference(reference) => {
            reference.mutability.is_some() || reference.lifetime.is_some() || borrows(&read)
        }
        _ => borrows(&read),
    };
    if lives_elsewhere {
        let message = "an argument owns what it holds: take `String` instead of `&str` inside another \
                       type, and no lifetimes or `&mut`";
        return Err(Error::new_spanned(ty, message));
    }
    Ok((read, borrowed))
}

/// The type that holds what a slice shows.
fn own(ty: &Type) -> Type {
    match ty {
        Type::Slice(slice) => {
            let item = &slice.elem;
            parse_quote!(::std::vec::Vec<#item>)
        }
        Type::Path(path) if path.path.is_ident("str") => parse_quote!(::std::string::String),
        other => other.clone(),
    }
}

/// Whether a type has a reference or a lifetime in it.
fn borrows(ty: &Type) -> bool {
    fn any(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => any(group.stream()),
            TokenTree::Punct(punct) => matches!(punct.as_char(), '&' | '\''),
            TokenTree::Ident(_) | TokenTree::Literal(_) => false,
        })
    }
    any(ty.to_token_stream())
}
