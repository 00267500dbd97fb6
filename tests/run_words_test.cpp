#include "harness/cli/run_words.hpp"

#include <gtest/gtest.h>

namespace stackheap {
namespace {

using Words = std::vector<std::string>;

TEST(RunWordsTest, OptionsThatChooseAPlanSurviveTheWayThroughWords) {
  RunCommandOptions options;
  options.profile = "smoke";
  options.workloads = {"heap/*", "threads/larson"};
  options.allocators = {"glibc", "mine=/opt/my lib's/lib.so"};
  options.allocator_environment = {{"mine", "A=b c"}, {"glibc", "B=-1"}};
  options.allocators_file = "/etc/x.toml";
  options.parameters = {"size=1,2"};
  options.threads = "auto";
  options.rounds = "7";
  options.pin = "none";
  const Words words = words_of(options);
  const RunCommandOptions read = options_of_words(words, "run.json");
  EXPECT_EQ(words_of(read), words);
  EXPECT_EQ(read.workloads, options.workloads);
  EXPECT_EQ(read.allocators, options.allocators);
  EXPECT_EQ(read.allocator_environment, options.allocator_environment);
  EXPECT_EQ(read.parameters, options.parameters);
  EXPECT_EQ(read.margin, "2");
}

TEST(RunWordsTest, DefaultsNeedNoWordsAndWhatIsOnlyToldHasNone) {
  RunCommandOptions options;
  EXPECT_EQ(words_of(options), Words{});
  options.label = "x";
  options.out = "y";
  options.seed = "3";
  options.strict = true;
  EXPECT_EQ(words_of(options), Words{});
}

TEST(RunWordsTest, ARelativePathBecomesAbsoluteAndTheHomeFolderItsSign) {
  ASSERT_EQ(::setenv("HOME", "/home/someone", 1), 0);
  RunCommandOptions options;
  options.allocators = {"a=/home/someone/lib.so", "b=lib.so"};
  const Words words = words_of(options);
  ASSERT_EQ(words.size(), 4U);
  EXPECT_EQ(words[1], "a=~/lib.so");
  EXPECT_TRUE(words[3].starts_with("b=/")) << words[3];
  EXPECT_EQ(options_of_words(words, "run.json").allocators[0], "a=/home/someone/lib.so");
}

TEST(RunWordsTest, WordsThatAreNoOptionsAreRefusedWithTheirFile) {
  for (const Words& words : {Words{"--colour", "red"}, Words{"surplus"}, Words{"--help"}}) {
    try {
      options_of_words(words, "run.json");
      ADD_FAILURE() << words[0];
    } catch (const UserError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("run.json: options.words: "));
    }
  }
}

}  // namespace
}  // namespace stackheap
