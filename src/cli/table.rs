//! Columns for a person: as wide as their widest cell, the last one as long as it is.

/// One line a row below the head, each ended by LF. Cells are one line each, and printable.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let rows = rows.iter().map(|row| line(std::array::from_fn(|column| &*row[column])));
    [line(head)].into_iter().chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        let rows = [["1".to_owned(), "größer".to_owned(), "x".to_owned()], ["200".into(), String::new(), "y z".into()]];
        assert_eq!(table(["n", "word", "rest"], &rows), "n    word    rest\n1    größer  x\n200          y z\n");
        assert_eq!(table(["a", "b"], &[]), "a  b\n");
    }
}
