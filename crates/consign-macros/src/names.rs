use proc_macro2::Ident;
use syn::ext::IdentExt;

/// As a method is called in a call: `ship_order` is `ShipOrder`.
pub(crate) fn pascal(name: &Ident) -> String {
    name.unraw().to_string().split('_').map(capitalized).collect()
}

/// As IDL names a parameter or a field: `order_number` is `orderNumber`.
pub(crate) fn camel(name: &Ident) -> String {
    let name = name.unraw().to_string();
    let mut parts = name.split('_').filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + &capitalized(part))
}

fn capitalized(part: &str) -> String {
    let mut characters = part.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The name that was probably meant.
pub(crate) fn similar<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, best) = known.iter().map(|known| (distance(written, known), *known)).min()?;
    (distance <= best.len().max(written.len()) / 2).then_some(best)
}

/// How many characters must be added, taken away or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (place, character) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = place + 1;
        for (index, compared) in other.chars().enumerate() {
            let changed = diagonal + usize::from(character != compared);
            diagonal = row[index + 1];
            row[index + 1] = changed.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Span;

    fn ident(name: &str) -> Ident {
        Ident::new(name, Span::call_site())
    }

    #[test]
    fn names_are_those_of_idl() {
        assert_eq!(pascal(&ident("ship_order")), "ShipOrder");
        assert_eq!(pascal(&ident("put_u8")), "PutU8");
        assert_eq!(pascal(&Ident::new_raw("move", Span::call_site())), "Move");
        assert_eq!(camel(&ident("order_number")), "orderNumber");
        assert_eq!(camel(&ident("_id")), "id");
        assert_eq!(camel(&Ident::new_raw("type", Span::call_site())), "type");
    }

    #[test]
    fn a_slip_of_the_pen_is_seen() {
        let known = ["uuid", "queueable", "dual", "base"];
        assert_eq!(similar("queable", &known), Some("queueable"));
        assert_eq!(similar("guid", &known), Some("uuid"));
        assert_eq!(similar("transactional", &known), None);
    }
}
