//! What an intake leaves to its successor.

use crate::flow::{Abandoned, Generations, Marks, Suspects};

/// Lives as long as the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Heritage {
    pub generations: Generations,
    pub suspects: Suspects,
    pub marks: Marks,
    pub abandoned: Abandoned,
}
