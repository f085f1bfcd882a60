//! Expansion of `#[function]`: the `fn`, and the type of the same name.
//!
//! Functions and types have separate namespaces in Rust, so both can have one name: `height(…)` calls the `fn`, and
//! `height::function()` returns the tool.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemFn, Result, ReturnType, Type};

use crate::declaration::{self, Declaration};
use crate::options::Options;
use crate::parameter::{self, Argument, Parameter, State};

/// Expands `#[function(options)] item`.
pub(crate) fn function(options: TokenStream, item: TokenStream) -> TokenStream {
    // Each error leaves the item in place. Otherwise every use of the `fn` would be one more error.
    let mut item: ItemFn = match syn::parse2(item.clone()) {
        Ok(item) => item,
        Err(error) => {
            let message = "`#[function]` applies to a `fn` with a body";
            let error = Error::new(error.span(), message).to_compile_error();
            return quote! { #error #item };
        }
    };
    let companion = companion(options, &mut item).unwrap_or_else(Error::into_compile_error);
    // After an error, some parameters still have attributes that the compiler would report as well.
    item.sig.inputs.iter_mut().for_each(parameter::strip);
    quote! { #item #companion }
}

/// Returns the type of the same name, whose `function(…)` returns the `Function`.
///
/// The type is an enum without variants: it serves as a namespace, and no value of it can exist. The struct of the
/// arguments is within `function(…)`, so that it cannot collide with other names of the module.
fn companion(options: TokenStream, item: &mut ItemFn) -> Result<TokenStream> {
    declaration::validate(item)?;
    let options = Options::parse(options)?;
    let declaration = Declaration::new(item, &options)?;
    let parameters = item.sig.inputs.iter_mut().map(Parameter::take);
    let parameters: Vec<Parameter> = parameters.collect::<Result<_>>()?;
    let (arguments, state) = split(&parameters);

    let read_only = options.read_only.then(|| quote!(.read_only()));
    let Declaration { name, description } = &declaration;
    let (visibility, identifier) = (&item.vis, &item.sig.ident);
    // A `fn` that `#[cfg]` removes must not leave its type behind.
    let conditions: Vec<_> = item
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .collect();
    let fields = arguments.iter().map(|argument| argument.field());
    let type_parameters = arguments.iter().filter_map(|one| one.type_parameter());
    // The derives name re-exported crates: a program whose parameters have standard types needs no dependency on them.
    let arguments_type = (!arguments.is_empty()).then(|| {
        quote! {
            #[derive(
                ::generativeai::__private::serde::Deserialize,
                ::generativeai::schemars::JsonSchema,
            )]
            #[serde(crate = "::generativeai::__private::serde")]
            #[schemars(crate = "::generativeai::schemars")]
            #[allow(non_camel_case_types)]
            struct __Arguments<#(#type_parameters),*> { #(#fields)* }
        }
    });
    let state_parameters = state.iter().map(|state| state.parameter());
    let hold_state = state.iter().map(|state| state.hold());
    let handler = handler(item, &parameters);
    let type_doc =
        format!("The function `{name}` as a tool of the model: see [`function`](Self::function).");
    let method_doc = format!("Returns the function `{name}` as a tool of the model.");
    Ok(quote! {
        #(#conditions)*
        #[doc = #type_doc]
        #[allow(non_camel_case_types)]
        #visibility enum #identifier {}

        #(#conditions)*
        impl #identifier {
            #[doc = #method_doc]
            #[must_use]
            #visibility fn function(#(#state_parameters),*) -> ::generativeai::Function {
                #arguments_type
                #(#hold_state)*
                ::generativeai::Function::new(#name, #description, #handler) #read_only
            }
        }
    })
}

/// Separates the arguments of the model from the state of the program.
fn split(parameters: &[Parameter]) -> (Vec<&Argument>, Vec<&State>) {
    let (mut arguments, mut state) = (Vec::new(), Vec::new());
    for parameter in parameters {
        match parameter {
            Parameter::Argument(argument) => arguments.push(argument),
            Parameter::State(one) => state.push(one),
        }
    }
    (arguments, state)
}

/// Returns the closure that takes the arguments, calls the function, and converts its return value.
fn handler(item: &ItemFn, parameters: &[Parameter]) -> TokenStream {
    let identifier = &item.sig.ident;
    let (arguments, state) = split(parameters);
    let expressions = parameters.iter().map(Parameter::expression);
    let inferred = arguments
        .iter()
        .filter_map(|one| one.type_parameter().map(|_| quote!(_)));
    let takes = (!arguments.is_empty()).then(|| quote!(__arguments: __Arguments<#(#inferred),*>));
    let (is_async, waits) = match item.sig.asyncness {
        Some(_) => (Some(quote!(async move)), Some(quote!(.await))),
        None => (None, None),
    };
    let copies = state.iter().map(|state| state.copy());
    let convert = conversion(&item.sig.output, identifier.span());
    quote! {
        move |#takes| {
            #(#copies)*
            #is_async { #convert(#identifier(#(#expressions),*) #waits) }
        }
    }
}

/// Returns the function that converts the return value into a response.
///
/// A type whose name ends in `Result` is treated as a `Result` (`io::Result`, an alias such as `DbResult`); any other
/// type is serialized. A macro runs before types are resolved, so it has only the name. With the span, errors point at
/// the return type.
fn conversion(output: &ReturnType, identifier: Span) -> TokenStream {
    let located = |span: Span| Span::call_site().located_at(span);
    match output {
        ReturnType::Type(_, ty) if is_result(ty) => {
            quote_spanned! { located(ty.span())=>
                ::generativeai::IntoFunctionResponse::into_function_response
            }
        }
        ReturnType::Type(_, ty) => {
            quote_spanned! { located(ty.span())=> ::generativeai::__private::response }
        }
        ReturnType::Default => {
            quote_spanned! { located(identifier)=> ::generativeai::__private::response }
        }
    }
}

/// Returns whether the name of a type ends in `Result`.
fn is_result(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|segment| segment.ident.to_string().ends_with("Result"))
        }
        // A type that another macro passed on is in an invisible group.
        Type::Group(group) => is_result(&group.elem),
        Type::Paren(paren) => is_result(&paren.elem),
        _ => false,
    }
}
