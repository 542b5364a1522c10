//! Properties of the numbers: any way of cutting the rows gives the same sums, and they mean what they say.

mod folds;
mod rollups;
mod rows;
