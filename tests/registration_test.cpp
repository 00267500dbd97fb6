#include "harness/worker/registration.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

struct Nothing {
  explicit Nothing(const CellSpec&) {}
  void setup(Lane&) {}
  void step(Lane&, std::uint64_t) {}
  void verify(Lane&) {}
};

WorkloadInfo sound() {
  WorkloadInfo info;
  info.name = "test/nothing";
  info.summary = "does nothing";
  info.operation = "nothing";
  info.variants = {{.name = "malloc", .description = "malloc and free"}};
  info.baseline_variant = "malloc";
  info.parameter = ParameterInfo{.name = "size", .unit = "B", .minimum = 8, .maximum = 64};
  info.smoke = {{.variants = {"malloc"}, .values = {8}}};
  info.full = {{.values = {8, 64}}};
  return info;
}

TEST(RegistrationTest, SoundRegistrationHasNoProblem) {
  EXPECT_EQ(registration_problem(sound()), "");
  WorkloadInfo without_parameter = sound();
  without_parameter.parameter.reset();
  without_parameter.smoke[0].values.clear();
  without_parameter.full.clear();
  EXPECT_EQ(registration_problem(without_parameter), "");
}

TEST(RegistrationTest, EachMistakeIsNamed) {
  const auto problem = [](auto change) {
    WorkloadInfo info = sound();
    change(info);
    return registration_problem(info);
  };
  EXPECT_EQ(problem([](auto& i) { i.name = "nothing"; }),
            "its name must be suite/name, each part of [A-Za-z0-9._+-]{1,64}");
  EXPECT_EQ(problem([](auto& i) { i.name = "test/no thing"; }),
            "its name must be suite/name, each part of [A-Za-z0-9._+-]{1,64}");
  EXPECT_EQ(problem([](auto& i) { i.summary.clear(); }),
            "it has no summary; use the first line of the file's comment");
  EXPECT_EQ(problem([](auto& i) { i.operation.clear(); }), "it does not say what one operation is");
  EXPECT_EQ(problem([](auto& i) { i.variants.clear(); }),
            "it declares no variant; a workload needs at least its baseline");
  EXPECT_EQ(problem([](auto& i) { i.variants.push_back(i.variants[0]); }),
            "variant 'malloc' is declared twice");
  EXPECT_EQ(problem([](auto& i) { i.variants[0].description.clear(); }),
            "variant 'malloc' has no description");
  EXPECT_EQ(problem([](auto& i) {
              i.variants[0].uses_heap = false;
              i.variants[0].only_allocator = "mimalloc";
            }),
            "variant 'malloc' uses no heap, yet needs allocator 'mimalloc'; one of the two is "
            "wrong");
  EXPECT_EQ(problem([](auto& i) { i.baseline_variant = "calloc"; }),
            "its baseline 'calloc' is none of its variants");
  EXPECT_EQ(problem([](auto& i) { i.smoke[0].variants = {"calloc"}; }),
            "a tier of profile smoke names variant 'calloc', which is not declared");
  EXPECT_EQ(problem([](auto& i) {
              i.full[0].values = {8, 65};
            }),
            "a tier of profile full has the value 65, outside 8 to 64 of parameter size");
  EXPECT_EQ(problem([](auto& i) { i.full[0].values.clear(); }),
            "a tier of profile full has no value for parameter size");
  EXPECT_EQ(problem([](auto& i) { i.parameter.reset(); }),
            "a tier of profile smoke has values, but no parameter is declared");
  EXPECT_EQ(problem([](auto& i) { i.parameter->minimum = 65; }),
            "the range of parameter size is empty");
  EXPECT_EQ(problem([](auto& i) { i.threads.minimum = 0; }), "its range of threads is empty");
  EXPECT_EQ(problem([](auto& i) { i.expected_seconds = 0; }),
            "its expected seconds must be above 0: deadlines are made of them");
  EXPECT_EQ(problem([](auto& i) { i.seconds_per_parameter = -0.5; }),
            "its seconds per unit of the parameter must not be below 0");
  EXPECT_EQ(problem([](auto& i) {
              i.parameter.reset();
              i.smoke[0].values.clear();
              i.full.clear();
              i.seconds_per_parameter = 0.5;
            }),
            "it has seconds per unit of a parameter, but no parameter is declared");
  EXPECT_EQ(problem([](auto& i) { i.timed_operations = {"malloc"}; }),
            "it names timed operations, but only the shape histogram times any");
  const auto of_histogram = [&](std::vector<std::string> operations) {
    return problem([&](auto& i) {
      i.shape = Shape::kHistogram;
      i.timed_operations = operations;
    });
  };
  EXPECT_EQ(of_histogram({"malloc", "free"}), "");
  EXPECT_EQ(of_histogram({}), "its shape is histogram, but it names no operation");
  EXPECT_EQ(of_histogram({"free", "free"}), "timed operation 'free' is named twice");
  EXPECT_EQ(of_histogram({"a b"}), "timed operation 'a b' is no name");
}

TEST(RegistrationDeathTest, MistakeEndsTheProcessAndNamesTheWorkload) {
  WorkloadInfo wrong = sound();
  wrong.baseline_variant = "calloc";
  EXPECT_DEATH(Registration(wrong, make_workload<Nothing>),
               "workload 'test/nothing' is registered wrongly: its baseline 'calloc'");
  EXPECT_DEATH(Registration(sound(), nullptr), "'test/nothing' is registered wrongly");
}

TEST(RegistrationDeathTest, SecondRegistrationOfANameEndsTheProcess) {
  EXPECT_DEATH(
      {
        const Registration first(sound(), make_workload<Nothing>);
        const Registration second(sound(), make_workload<Nothing>);
      },
      "another workload has this name");
}

TEST(RegistrationTest, WorkloadsAreSortedAndFoundByName) {
  const auto& workloads = registered_workloads();
  ASSERT_FALSE(workloads.empty());
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    if (i > 0) {
      EXPECT_LT(workloads[i - 1].info.name, workloads[i].info.name);
    }
    EXPECT_EQ(find_workload(workloads[i].info.name), &workloads[i]);
    EXPECT_EQ(registration_problem(workloads[i].info), "") << workloads[i].info.name;
  }
  EXPECT_EQ(find_workload("heap/nothing"), nullptr);
}

TEST(VariantNameTest, UnknownVariantIsRefusedWithTheRemedy) {
  enum class Kind { kOne };
  static constexpr VariantName<Kind> kKinds[] = {{"one", Kind::kOne}};
  EXPECT_EQ(variant_of({.workload = "test/nothing", .variant = "one"}, kKinds), Kind::kOne);
  try {
    variant_of({.workload = "test/nothing", .variant = "two"}, kKinds);
    FAIL() << "no exception";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "test/nothing has no variant 'two'; `stackheap list variants` shows those it has");
  }
}

TEST(FaultHookTest, EnvironmentNamesTheFault) {
  const auto with = [](const char* text) {
    EXPECT_EQ(::setenv("STACKHEAP_TEST_FAULT", text, 1), 0);
    const Fault fault = planted_fault();
    EXPECT_EQ(::unsetenv("STACKHEAP_TEST_FAULT"), 0);
    return fault;
  };
  EXPECT_EQ(planted_fault(), Fault::kNone);
  EXPECT_EQ(with(""), Fault::kNone);
  EXPECT_EQ(with("flip-byte"), Fault::kFlipByte);
  EXPECT_EQ(with("drop"), Fault::kDrop);
  EXPECT_EQ(with("skip-free"), Fault::kSkipFree);
  EXPECT_THROW(with("flip"), UserError);
  EXPECT_EQ(::unsetenv("STACKHEAP_TEST_FAULT"), 0);
}

}  // namespace
}  // namespace stackheap
