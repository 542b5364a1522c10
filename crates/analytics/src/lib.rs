//! Store to answers: the closed set of queries.
