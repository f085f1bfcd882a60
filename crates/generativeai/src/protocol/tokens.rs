//! Token counts: by modality, and of a request that is not answered.

mod count;
mod modality;

pub use count::*;
pub use modality::*;
