//! Safety settings in words that are easy to type.

use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::safety::{HarmBlockThreshold, HarmCategory, SafetySetting};

impl SafetySetting {
    /// A setting from words: a [category](HarmCategory#impl-FromStr-for-HarmCategory) and a
    /// [threshold](HarmBlockThreshold#impl-FromStr-for-HarmBlockThreshold).
    ///
    /// # Errors
    ///
    /// [`Request`](ErrorKind::Request) if a word is not known.
    pub fn easy(category: &str, threshold: &str) -> Result<Self> {
        Ok(Self::new(
            category.parse::<HarmCategory>()?,
            threshold.parse::<HarmBlockThreshold>()?,
        ))
    }

    /// The same threshold for each of the four categories that every model knows.
    ///
    /// ```
    /// use generativeai::protocol::safety::{HarmBlockThreshold, SafetySetting};
    ///
    /// let settings = SafetySetting::for_all(HarmBlockThreshold::BlockNone);
    /// assert_eq!(settings.len(), 4);
    /// ```
    pub fn for_all(threshold: impl Into<HarmBlockThreshold>) -> Vec<Self> {
        let threshold = threshold.into();
        let categories = [
            HarmCategory::HateSpeech,
            HarmCategory::SexuallyExplicit,
            HarmCategory::DangerousContent,
            HarmCategory::Harassment,
        ];
        categories
            .map(|category| Self::new(category, threshold.clone()))
            .into()
    }
}

/// Reads the name of a category, with or without `HARM_CATEGORY_`, in any case; also `hate`, `sex`,
/// `sexual`, `danger` and `dangerous`, which mean the categories of today's models.
impl FromStr for HarmCategory {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        Ok(
            match lower.strip_prefix("harm_category_").unwrap_or(&lower) {
                "unspecified" => Self::Unspecified,
                "derogatory" => Self::Derogatory,
                "toxicity" | "toxic" => Self::Toxicity,
                "violence" | "violent" => Self::Violence,
                "medical" | "medicine" => Self::Medical,
                "harassment" | "harass" => Self::Harassment,
                "hate" | "hate_speech" => Self::HateSpeech,
                "sex" | "sexual" | "sexually_explicit" => Self::SexuallyExplicit,
                "danger" | "dangerous" | "dangerous_content" => Self::DangerousContent,
                "civic" | "civic_integrity" => Self::CivicIntegrity,
                "jailbreak" => Self::Jailbreak,
                "image_hate" => Self::ImageHate,
                "image_dangerous_content" => Self::ImageDangerousContent,
                "image_harassment" => Self::ImageHarassment,
                "image_sexually_explicit" => Self::ImageSexuallyExplicit,
                _ => {
                    return Err(Error::new(
                        ErrorKind::Request,
                        format!(
                            "no harm category called `{name}`: use harassment, hate_speech, \
                         sexually_explicit, dangerous_content or civic_integrity"
                        ),
                    ));
                }
            },
        )
    }
}

/// Reads the name of a threshold in any case; also `low`, `medium`, `med`, `high` and `none`.
impl FromStr for HarmBlockThreshold {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "harm_block_threshold_unspecified" | "block_threshold_unspecified" | "unspecified" => {
                Self::Unspecified
            }
            "block_low_and_above" | "low" => Self::BlockLowAndAbove,
            "block_medium_and_above" | "medium" | "med" => Self::BlockMediumAndAbove,
            "block_only_high" | "high" => Self::BlockOnlyHigh,
            "block_none" | "none" => Self::BlockNone,
            "off" => Self::Off,
            _ => {
                return Err(Error::new(
                    ErrorKind::Request,
                    format!(
                        "no harm block threshold called `{name}`: use low, medium, high, none or off"
                    ),
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easy_words_mean_the_categories_of_todays_models() {
        for (word, category) in [
            ("danger", HarmCategory::DangerousContent),
            ("harm_category_dangerous", HarmCategory::DangerousContent),
            (
                "HARM_CATEGORY_DANGEROUS_CONTENT",
                HarmCategory::DangerousContent,
            ),
            ("sexual", HarmCategory::SexuallyExplicit),
            ("Hate_Speech", HarmCategory::HateSpeech),
            ("civic_integrity", HarmCategory::CivicIntegrity),
            ("unspecified", HarmCategory::Unspecified),
        ] {
            assert_eq!(word.parse::<HarmCategory>().expect(word), category);
        }
    }

    #[test]
    fn easy_words_for_thresholds_are_read_in_any_case() {
        for (word, threshold) in [
            ("low", HarmBlockThreshold::BlockLowAndAbove),
            ("med", HarmBlockThreshold::BlockMediumAndAbove),
            ("BLOCK_ONLY_HIGH", HarmBlockThreshold::BlockOnlyHigh),
            ("none", HarmBlockThreshold::BlockNone),
            ("OFF", HarmBlockThreshold::Off),
            (
                "block_threshold_unspecified",
                HarmBlockThreshold::Unspecified,
            ),
        ] {
            assert_eq!(word.parse::<HarmBlockThreshold>().expect(word), threshold);
        }
    }

    #[test]
    fn a_word_that_is_not_known_is_named() {
        let category = SafetySetting::easy("weather", "low").unwrap_err();
        let threshold = SafetySetting::easy("hate", "").unwrap_err();

        assert!(category.to_string().contains("`weather`"));
        assert!(threshold.to_string().contains("``"));
        assert_eq!(threshold.kind(), ErrorKind::Request);
    }
}
