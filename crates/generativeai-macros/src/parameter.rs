//! Parameters of a function: arguments, which the model provides, and state, which the program provides.
//!
//! The arguments of a call are deserialized into one struct with a field for each argument. Its `JsonSchema` is the
//! schema that the model reads.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Ident, Pat, PatType, Result, Type, TypeReference, parse_quote};

use crate::options::Options;

/// Attributes of parameters that the macro reads. The compiler does not accept them on a parameter, so the macro
/// removes them.
const OWN_ATTRIBUTES: [&str; 5] = ["doc", "function", "schemars", "serde", "state"];

/// A parameter of a function.
pub(crate) enum Parameter {
    Argument(Argument),
    State(State),
}

/// A parameter that the model provides.
pub(crate) struct Argument {
    name: Ident,
    /// Type that is deserialized. The function takes it, or a reference to it.
    owned: Type,
    /// Place of the type in the signature.
    span: Span,
    /// Whether the function takes a reference to the deserialized value.
    by_reference: bool,
    /// Attributes of the field that is deserialized.
    attributes: Vec<Attribute>,
    /// Whether the field has this type itself, which attributes such as `#[serde(default = "…")]` require.
    ///
    /// Otherwise the type of the field is a type parameter of the struct. Then a type without `Deserialize` is one
    /// compile error at the call, instead of several errors in the derived code.
    is_concrete: bool,
}

/// A parameter marked `#[state]`, which the program provides.
pub(crate) struct State {
    name: Ident,
    ty: Type,
    /// Whether the function takes a reference to `ty`, which all calls share. Otherwise each call gets a clone.
    by_reference: bool,
}

impl Parameter {
    /// Parses a parameter. Attributes in [`OWN_ATTRIBUTES`] are removed from it.
    ///
    /// # Errors
    /// The parameter is `self`, is a pattern without a name, has the type `impl Trait`, or borrows data that has no
    /// owner.
    pub(crate) fn take(argument: &mut FnArg) -> Result<Self> {
        let PatType { attrs, pat, ty, .. } = match argument {
            FnArg::Typed(argument) => argument,
            FnArg::Receiver(receiver) => {
                let message = "a function that the model calls takes no `self`: mark a parameter `#[state]`, \
                               or use `Function::new` with a closure";
                return Err(Error::new_spanned(receiver, message));
            }
        };
        let (others, mut attributes) = std::mem::take(attrs).into_iter().partition(is_foreign);
        *attrs = others;
        let name = name_of(pat)?;
        match attributes.iter().find(|one| one.path().is_ident("state")) {
            Some(state) => {
                state.meta.require_path_only()?;
                State::new(name, ty).map(Self::State)
            }
            None => Argument::new(name, ty, &mut attributes).map(Self::Argument),
        }
    }

    /// Returns the expression that is passed to the function.
    pub(crate) fn expression(&self) -> TokenStream {
        match self {
            Self::Argument(argument) => argument.expression(),
            Self::State(State {
                name, by_reference, ..
            }) => {
                let reference = by_reference.then(|| quote!(&*));
                quote!(#reference #name)
            }
        }
    }
}

impl Argument {
    fn new(name: Ident, ty: &Type, attributes: &mut Vec<Attribute>) -> Result<Self> {
        let (owned, by_reference) = owned(ty)?;
        let options = Options::take(attributes)?;
        let is_concrete = attributes.iter().any(|attribute| {
            attribute.path().is_ident("serde") || attribute.path().is_ident("schemars")
        });
        if let Some(description) = &options.description {
            // schemars takes the description of a field from its doc comment.
            attributes.retain(|attribute| !attribute.path().is_ident("doc"));
            attributes.push(parse_quote!(#[doc = #description]));
        }
        let wire_name = match options.name {
            Some(name) => name.value(),
            None => name.unraw().to_string(),
        };
        // serde would use the identifier of the field as the name.
        if name.unraw() != wire_name {
            attributes.push(parse_quote!(#[serde(rename = #wire_name)]));
        }
        Ok(Self {
            name,
            owned,
            span: ty.span(),
            by_reference,
            attributes: std::mem::take(attributes),
            is_concrete,
        })
    }

    /// Returns the type parameter that is the type of this field. `None` for a concrete type.
    pub(crate) fn type_parameter(&self) -> Option<Ident> {
        // `unraw`: `__r#loop` is not an identifier.
        let name = format!("__{}", self.name.unraw());
        (!self.is_concrete).then(|| Ident::new(&name, Span::call_site()))
    }

    /// Returns the field that is deserialized from the arguments of a call.
    pub(crate) fn field(&self) -> TokenStream {
        let Self {
            name,
            owned,
            attributes,
            ..
        } = self;
        match self.type_parameter() {
            Some(parameter) => quote! { #(#attributes)* #name: #parameter, },
            None => quote! { #(#attributes)* #name: #owned, },
        }
    }

    /// Returns the expression that is passed to the function.
    fn expression(&self) -> TokenStream {
        let Self { name, owned, .. } = self;
        let reference = self.by_reference.then(|| quote!(&));
        match self.is_concrete {
            true => quote!(#reference __arguments.#name),
            false => {
                // All tokens have one span: the compiler merges errors at the same place into one.
                let owned = with_span(owned.to_token_stream(), self.span);
                let argument = quote_spanned! { self.span=>
                    ::generativeai::__private::argument::<#owned, _>(__arguments.#name)
                };
                quote!(#reference #argument)
            }
        }
    }
}

impl State {
    fn new(name: Ident, ty: &Type) -> Result<Self> {
        let (ty, by_reference) = match ty {
            Type::Reference(TypeReference {
                mutability: Some(_),
                ..
            }) => {
                let message = "calls run concurrently and share the state: take `&Mutex<…>`";
                return Err(Error::new_spanned(ty, message));
            }
            Type::Reference(TypeReference {
                lifetime: None,
                elem,
                ..
            }) => (&**elem, true),
            Type::ImplTrait(_) => return Err(Error::new_spanned(ty, "name the type of the state")),
            other => (other, false),
        };
        if borrows(ty) {
            let message = "state owns its data: use `Arc` instead of references and lifetimes";
            return Err(Error::new_spanned(ty, message));
        }
        Ok(Self {
            name,
            ty: ty.clone(),
            by_reference,
        })
    }

    /// Returns the parameter of `function(…)`.
    pub(crate) fn parameter(&self) -> TokenStream {
        let Self { name, ty, .. } = self;
        // Both `T` and `Arc<T>` convert into `Arc<T>`, and so does `&str` into `Arc<str>` for unsized state.
        match self.by_reference {
            true => quote!(#name: impl ::core::convert::Into<::std::sync::Arc<#ty>>),
            false => quote!(#name: #ty),
        }
    }

    /// Returns the statement that converts the parameter of `function(…)` into the `Arc` that the handler owns.
    pub(crate) fn hold(&self) -> TokenStream {
        let Self { name, ty, .. } = self;
        match self.by_reference {
            true => quote!(let #name: ::std::sync::Arc<#ty> = #name.into();),
            false => TokenStream::new(),
        }
    }

    /// Returns the statement that clones the state for one call. The handler runs many times, so it cannot move its
    /// state into a call.
    pub(crate) fn copy(&self) -> TokenStream {
        let Self { name, .. } = self;
        quote!(let #name = ::core::clone::Clone::clone(&#name);)
    }
}

/// Returns whether an attribute of a parameter is for the compiler or for another macro.
fn is_foreign(attribute: &Attribute) -> bool {
    !OWN_ATTRIBUTES
        .iter()
        .any(|name| attribute.path().is_ident(name))
}

/// Removes the attributes that the compiler does not allow on a parameter.
pub(crate) fn strip(argument: &mut FnArg) {
    if let FnArg::Typed(argument) = argument {
        argument.attrs.retain(is_foreign);
    }
}

/// Returns the name of a parameter. Patterns such as `Point { x, y }` have none.
fn name_of(pattern: &Pat) -> Result<Ident> {
    match pattern {
        Pat::Ident(pattern) if pattern.subpat.is_none() && pattern.by_ref.is_none() => {
            Ok(pattern.ident.clone())
        }
        _ => {
            let message = "a parameter needs a name, by which the model passes the argument";
            Err(Error::new_spanned(pattern, message))
        }
    }
}

/// Returns the type that is deserialized for a parameter, and whether the function takes a reference to it.
///
/// # Errors
/// The type is `impl Trait`, has a lifetime or `&mut`, or contains a reference inside of another type.
fn owned(ty: &Type) -> Result<(Type, bool)> {
    let (owned, by_reference) = match ty {
        Type::Reference(TypeReference {
            mutability: None,
            lifetime: None,
            elem,
            ..
        }) => (owned_form(elem), true),
        Type::ImplTrait(_) => {
            let message = "name the type: the parameters need a JSON Schema";
            return Err(Error::new_spanned(ty, message));
        }
        other => (other.clone(), false),
    };
    if borrows(&owned) {
        let message = "an argument owns its data: take `String` instead of `&str` inside another type, and no \
                       lifetimes or `&mut`; if the program provides it, mark it `#[state]`";
        return Err(Error::new_spanned(ty, message));
    }
    Ok((owned, by_reference))
}

/// Sets the span of all tokens, also within groups.
fn with_span(tokens: TokenStream, span: Span) -> TokenStream {
    let set_span = |mut token| {
        if let TokenTree::Group(group) = &mut token {
            *group = Group::new(group.delimiter(), with_span(group.stream(), span));
        }
        token.set_span(span);
        token
    };
    tokens.into_iter().map(set_span).collect()
}

/// Returns the owned form of a type behind a reference: `Vec<T>` for `[T]`, `String` for `str`.
fn owned_form(ty: &Type) -> Type {
    match ty {
        Type::Slice(slice) => {
            let item = &slice.elem;
            parse_quote!(::std::vec::Vec<#item>)
        }
        Type::Path(path) if path.path.is_ident("str") => parse_quote!(::std::string::String),
        other => other.clone(),
    }
}

/// Returns whether a type contains a reference or a lifetime, at any depth.
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
