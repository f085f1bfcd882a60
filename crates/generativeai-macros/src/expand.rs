//! From a function to the function and the type beside it.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemFn, Result, ReturnType};

use crate::declaration::{self, Declaration};
use crate::options::Options;
use crate::parameter::{self, Parameter};

/// Expands `#[function(options)] item`.
pub(crate) fn function(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut item: ItemFn = match syn::parse2(item.clone()) {
        Ok(item) => item,
        Err(error) => {
            let message = "`#[function]` stands before a `fn` with a body";
            let error = Error::new(error.span(), message).to_compile_error();
            return quote! { #error #item };
        }
    };
    let beside = beside(options, &mut item).unwrap_or_else(Error::into_compile_error);
    item.sig.inputs.iter_mut().for_each(parameter::strip);
    quote! { #item #beside }
}

/// The type that stands beside the function, and gives it to the model.
fn beside(options: TokenStream, item: &mut ItemFn) -> Result<TokenStream> {
    declaration::refuse(item)?;
    let declaration = Declaration::of(item, &Options::read(options)?)?;
    let parameters = item.sig.inputs.iter_mut().map(Parameter::take);
    let parameters: Vec<Parameter> = parameters.collect::<Result<_>>()?;

    let Declaration { name, description } = &declaration;
    let (visibility, identifier) = (&item.vis, &item.sig.ident);
    let conditions: Vec<_> = item
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .collect();
    let members = parameters.iter().map(Parameter::member);
    let arguments = (!parameters.is_empty()).then(|| {
        quote! {
            #[derive(
                ::generativeai::__private::serde::Deserialize,
                ::generativeai::schemars::JsonSchema,
            )]
            #[serde(crate = "::generativeai::__private::serde")]
            #[schemars(crate = "::generativeai::schemars")]
            struct __Arguments { #(#members)* }
        }
    });
    let handler = handler(item, &parameters);
    let about =
        format!("The function `{name}` as a tool of the model: [`function`](Self::function).");
    let gives = format!("Gives the function `{name}` as a tool of the model.");
    Ok(quote! {
        #(#conditions)*
        #[doc = #about]
        #[allow(non_camel_case_types)]
        #visibility enum #identifier {}

        #(#conditions)*
        impl #identifier {
            #[doc = #gives]
            #[must_use]
            #visibility fn function() -> ::generativeai::Function {
                #arguments
                ::generativeai::Function::new(#name, #description, #handler)
            }
        }
    })
}

/// The closure that reads the arguments, calls the function, and makes an answer of what it gives.
fn handler(item: &ItemFn, parameters: &[Parameter]) -> TokenStream {
    let identifier = &item.sig.ident;
    let given = parameters.iter().map(Parameter::given);
    let takes = (!parameters.is_empty()).then(|| quote!(__arguments: __Arguments));
    let (is_async, waits) = match item.sig.asyncness {
        Some(_) => (Some(quote!(async move)), Some(quote!(.await))),
        None => (None, None),
    };
    let span = match &item.sig.output {
        ReturnType::Default => identifier.span(),
        ReturnType::Type(_, ty) => ty.span(),
    };
    let span = Span::call_site().located_at(span);
    let answered = quote_spanned! { span=> (&&&Probe::of(&__given)).form().answer(__given) };
    quote! {
        |#takes| #is_async {
            #[allow(unused_imports)]
            use ::generativeai::__private::{
                FormOfAnswer as _, FormOfNothing as _, FormOfValue as _, Probe,
            };
            let __given = #identifier(#(#given),*) #waits;
            #answered
        }
    }
}
