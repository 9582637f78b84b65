//! The store: SQLite behind one writer thread. No SQL stands anywhere else.
