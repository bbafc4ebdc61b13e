//! Enums that are words in the database and in requests: the words stand beside the variants, once.

/// Makes an enum with its words: `as_str` as the database has it, `parse` for what a person wrote, and `TryFrom<String>`
/// for what the database gives back.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for it, as the database has it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Reads what a person wrote, in any case; `field` is named in the error, which lists the words.
            pub fn parse(field: &str, text: &str) -> $crate::base::Result<Self> {
                let known = Self::ALL.iter().find(|known| known.as_str().eq_ignore_ascii_case(text));
                known.copied().ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|known| known.as_str().to_uppercase()).collect();
                    let expected = format!("expected one of {}", words.join(", "));
                    $crate::base::Error::invalid(field, expected)
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::base::Error;

            fn try_from(text: String) -> $crate::base::Result<Self> {
                match text.as_str() {
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::base::Error::internal(
                        concat!("an unknown ", stringify!($name), " in the database"),
                    )),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    words! {
        /// For these tests.
        Light {
            /// Go.
            Green = "green",
            /// Stop.
            DarkRed = "dark_red",
        }
    }

    #[test]
    fn every_word_survives_its_own_text() {
        for light in Light::ALL {
            let text = light.to_string();
            assert_eq!(Light::parse("light", &text.to_uppercase()).unwrap(), *light);
            assert_eq!(Light::try_from(text).unwrap(), *light);
        }
    }

    #[test]
    fn another_word_is_refused_with_the_field_and_all_words() {
        let error = Light::parse("light", "blue").unwrap_err();
        assert_eq!(error.to_string(), "light: expected one of GREEN, DARK_RED");
        assert!(Light::try_from("GREEN".to_owned()).is_err());
    }
}
