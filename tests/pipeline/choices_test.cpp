// The tables of the enums: every number has one word, every word one number, in the order of the enumerators.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include <countem/counting.hpp>
#include <countem/error.hpp>
#include <countem/types.hpp>

namespace countem {
namespace {

using testing::HasSubstr;

template <class Value>
class choice_tables : public testing::Test {};
using tables = testing::Types<backend, pixel_type, counting_method, row_noise_method, background_method, event_value>;
TYPED_TEST_SUITE(choice_tables, tables);

TYPED_TEST(choice_tables, name_each_enumerator_once_and_in_order) {
  std::set<std::string_view> words;
  int number = 0;
  for (const choice<TypeParam>& entry : choices<TypeParam>()) {
    EXPECT_EQ(static_cast<int>(entry.value), number++);
    EXPECT_FALSE(entry.word.empty());
    EXPECT_FALSE(entry.help.empty());
    EXPECT_TRUE(words.insert(entry.word).second) << entry.word << " stands for two values";
    EXPECT_EQ(word_of(entry.value), entry.word);
    EXPECT_EQ(choice_from<TypeParam>(entry.word), entry.value);
    EXPECT_THAT(help_of_choices<TypeParam>(), HasSubstr(std::string(entry.word) + ": " + std::string(entry.help)));
  }
  EXPECT_THROW((void)word_of(static_cast<TypeParam>(number)), invalid_argument);
}

TEST(choices, of_an_unknown_word_list_the_known_ones) {
  EXPECT_EQ(find_choice<row_noise_method>("Mean"), std::nullopt);
  EXPECT_EQ(find_choice<row_noise_method>(""), std::nullopt);
  try {
    (void)choice_from<row_noise_method>("mode");
    FAIL() << "an unknown word was taken";
  } catch (const invalid_argument& refused) {
    EXPECT_STREQ(refused.what(), "'mode' is no row noise method: it is none, mean or median");
  }
}

}  // namespace
}  // namespace countem
