// Steps of the CUDA backend beyond plain arithmetic: bursts, sequences that leave, loads that layers wait for, devices
// that fail.

#include <cmath>

#include "gpu/cuda/cuda_backend.hpp"
#include "tests/gpu/cuda/machines.hpp"
#include "tests/gpu/pages.hpp"
#include "tests/gpu/sequence.hpp"

namespace chromatin::gpu::cuda {
namespace {

class CudaSteps : public OnMachine {
 protected:
  void SetUp() override {
    OnMachine::SetUp();
    if (on) backend_ = make_cuda_backend(concierge(), on, {.deterministic = true});
  }
  void TearDown() override { backend_ = nullptr; }

  static token_list prompt(std::uint32_t first, std::size_t count) {
    token_list all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(first + static_cast<kv::token_id>(i * 37 % 3000));
    return all;
  }
  token_list one_by_one(const token_list& input, std::size_t count) {
    sequence s{*backend_};
    auto answer = run_step(*backend_, {.sequences = {s.sampled(input)}, .ends = {}})[0].tokens;
    while (answer.size() < count)
      answer.push_back(run_step(*backend_, {.sequences = {s.sampled({answer.back()})}, .ends = {}})[0].tokens.at(0));
    return answer;
  }
  step_output drive(step_batch batch, const std::function<void(std::uint32_t)>& between = {}) {
    backend_->begin(std::move(batch));
    for (std::uint32_t layer = 0; layer < backend_->geometry().layers; ++layer) {
      if (between) between(layer);
      last_ = backend_->run_layer(layer, {});
    }
    callback<step_output> ended;
    backend_->finish(ended.take());
    return ended.get();
  }

  std::unique_ptr<backend> backend_;
  fence last_;  ///< of the last layer
};

TEST_P(CudaSteps, ABurstGivesTheTokensOfSingleSteps) {
  auto a = prompt(300, 70), b = prompt(900, 3);
  auto first = one_by_one(a, 6), second = one_by_one(b, 6);
  sequence s{*backend_}, t{*backend_};
  run_step(*backend_, {.sequences = {s.next(a, false)}, .ends = {}});
  auto head = run_step(*backend_, {.sequences = {t.sampled(b)}, .ends = {}})[0].tokens;
  s.position -= 1;
  auto results = run_step(*backend_, {.sequences = {s.sampled({a.back()}), t.sampled(head)}, .steps = 5, .ends = {}});
  EXPECT_EQ(results[0].tokens, token_list(first.begin(), first.begin() + 5));
  EXPECT_EQ(results[1].tokens, token_list(second.begin() + 1, second.end()));
}

/// Who wants the logits is sampled from all of them, others from the likeliest where these say which token follows.
TEST_P(CudaSteps, ABurstSampledFromTheLikeliestGivesTheTokensOfWholeRows) {
  std::vector<model::sampling> ways(5);
  ways[1] = {.temperature = 0.8f, .top_p = 0.9f, .seed = 1};
  ways[2] = {.temperature = 1, .top_k = 40, .seed = 2, .likelihoods = 3};
  ways[3] = {.temperature = 30, .seed = 3};  // the likeliest weigh little
  ways[4] = {.temperature = 0.5f, .seed = 4, .less = {.repeat = 1.3f}};
  auto burst = [&](bool wants_logits) {
    std::vector<std::unique_ptr<sequence>> all;
    step_batch batch{.sequences = {}, .steps = 4, .ends = {}};
    for (const auto& how : ways) {
      all.push_back(std::make_unique<sequence>(*backend_));
      batch.sequences.push_back(
          all.back()->next(prompt(static_cast<std::uint32_t>(100 * all.size()), 5), wants_logits));
      batch.sequences.back().sampler = std::make_shared<model::sampler>(how);
    }
    return run_step(*backend_, std::move(batch));
  };
  auto whole = burst(true), lists = burst(false);
  for (std::size_t i = 0; i < ways.size(); ++i) {
    EXPECT_EQ(lists[i].tokens, whole[i].tokens) << i;
    EXPECT_EQ(lists[i].tokens.size(), 4u);
    EXPECT_EQ(lists[i].error, "");
    ASSERT_EQ(lists[i].likelihoods.size(), whole[i].likelihoods.size());
    for (std::size_t t = 0; t < lists[i].likelihoods.size(); ++t)
      EXPECT_NEAR(lists[i].likelihoods[t].logarithm, whole[i].likelihoods[t].logarithm, 1e-4);
  }
}

TEST_P(CudaSteps, ADroppedSequenceLeavesTheOthersAsTheyWere) {
  auto a = prompt(300, 20), b = prompt(900, 30), c = prompt(50, 5);
  auto alone_a = one_by_one(a, 1), alone_c = one_by_one(c, 1);
  for (std::uint32_t at : {0u, 1u, 4u}) {
    sequence s{*backend_}, t{*backend_}, u{*backend_};
    auto page = t.table->at(0);
    std::vector<std::byte> mark(page.bytes().size(), std::byte{0x11});
    write(page.writable().data(), mark);
    auto output = drive({.sequences = {s.sampled(a), t.sampled(b), u.sampled(c)}, .ends = {}}, [&](std::uint32_t l) {
      if (l == at) backend_->drop(1);
    });
    EXPECT_EQ(output.error, "");
    EXPECT_EQ(output.sequences[0].tokens, alone_a);
    EXPECT_EQ(output.sequences[2].tokens, alone_c);
    EXPECT_TRUE(output.sequences[1].dropped);
    EXPECT_TRUE(output.sequences[1].tokens.empty());
    EXPECT_FALSE(output.sequences[0].dropped || output.sequences[2].dropped);
    auto bytes = read(page.bytes().data(), mark.size());
    for (std::uint32_t l = at; l < backend_->geometry().layers; ++l)
      EXPECT_EQ(bytes[backend_->geometry().slice(l).offset_bytes], std::byte{0x11}) << "written after the drop";
  }
}

TEST_P(CudaSteps, AllMayBeDroppedAndTheNextStepIsAsEver) {
  auto a = prompt(300, 20);
  auto alone = one_by_one(a, 1);
  sequence s{*backend_}, t{*backend_};
  auto output = drive({.sequences = {s.sampled(a)}, .steps = 4, .ends = {}}, [&](std::uint32_t l) {
    if (l == 2) backend_->drop(0);
  });
  EXPECT_TRUE(output.sequences.at(0).dropped && output.sequences[0].tokens.empty());
  EXPECT_EQ(run_step(*backend_, {.sequences = {t.sampled(a)}, .ends = {}})[0].tokens, alone);
}

TEST_P(CudaSteps, AStepThatDoesNotFitIsAnErrorAndTheNextIsAsEver) {
  auto a = prompt(300, 20);
  auto alone = one_by_one(a, 1);
  sequence s{*backend_}, t{*backend_};
  s.position = 17 * kv::tokens_per_chunk - 5;
  auto output = drive({.sequences = {s.sampled(a)}, .ends = {}});
  EXPECT_NE(output.error.find("do not fit"), std::string::npos) << output.error;
  EXPECT_TRUE(last_.failed());
  EXPECT_EQ(run_step(*backend_, {.sequences = {t.sampled(a)}, .ends = {}})[0].tokens, alone);
}

TEST_P(CudaSteps, LayersWaitForLoadsThatAreUnderWay) {
  auto a = prompt(300, 128), b = prompt(77, 9);
  sequence whole{*backend_};
  run_step(*backend_, {.sequences = {whole.next(a, false)}, .ends = {}});
  const auto& g = backend_->geometry();
  auto host = kv::page_arena::make(on->pinned(2 * g.chunk_bytes()), g.chunk_bytes());
  std::vector<kv::page_ref> down = host->try_allocate(2);
  std::vector<slice_copy> slices;
  for (std::uint32_t l = 0; l < g.layers; ++l)
    for (std::uint32_t i = 0; i < 2; ++i) slices.push_back({whole.table->at(i), l, 64, down[i], {}});
  callback<copy_result> saved;
  backend_->copies().out(slices, last_, saved.take());
  auto sums = saved.get().checksums;
  auto expected = run_step(*backend_, {.sequences = {whole.sampled(b)}, .ends = {}})[0].tokens;

  for (bool damaged : {false, true}) {
    sequence again{*backend_};
    again.position = 128;
    std::vector<fence> loads;
    std::vector<callback<copy_result>> ended(g.layers);
    backend_->begin({.sequences = {again.sampled(b)}, .ends = {}});
    for (std::uint32_t l = 0; l < g.layers; ++l) {
      std::vector<slice_copy> of_layer;
      for (std::uint32_t i = 0; i < 2; ++i)
        of_layer.push_back({again.table->at(i), l, 64, down[i], sums[2 * l + i] + (damaged && l == 3 && i == 1)});
      loads.push_back(backend_->copies().in(std::move(of_layer), ended[l].take()));
      backend_->run_layer(l, {&loads.back(), 1});
    }
    callback<step_output> over;
    backend_->finish(over.take());
    auto output = over.get();
    EXPECT_EQ(output.error, "");
    EXPECT_EQ(output.sequences[0].tokens, expected);  // the sum was wrong, not the bytes
    for (std::uint32_t l = 0; l < g.layers; ++l) {
      EXPECT_TRUE(loads[l].over()) << "who hears of the step's end knows of its loads";
      EXPECT_EQ(loads[l].failed(), damaged && l == 3);
    }
    for (auto& e : ended) e.get();
  }
}

TEST_P(CudaSteps, AnAbandonedStepEndsAndTheNextIsAsEver) {
  auto a = prompt(300, 20);
  auto alone = one_by_one(a, 1);
  EXPECT_FALSE(backend_->abandon([] {}));
  for (bool finished : {false, true}) {
    sequence s{*backend_}, t{*backend_};
    backend_->begin({.sequences = {s.sampled(a)}, .steps = 50, .ends = {}});
    auto layers = finished ? backend_->geometry().layers : 2;
    for (std::uint32_t l = 0; l < layers; ++l) backend_->run_layer(l, {});
    if (finished) backend_->finish([](const step_output&) {});
    callback<bool> ended;
    if (backend_->abandon([end = ended.take()] { end(true); })) ended.get();
    EXPECT_EQ(run_step(*backend_, {.sequences = {t.sampled(a)}, .ends = {}})[0].tokens, alone);
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, CudaSteps, testing::Values(machine::emulated, machine::real), name_of);

TEST(EmulatedSteps, ADeviceThatFailsInMidStepFailsTheStepAndTheNextOnes) {
  auto on = make_emulated_device();
  auto backend = make_cuda_backend(concierge(), on, {});
  {
    sequence s{*backend}, t{*backend};
    backend->begin({.sequences = {s.sampled({5, 6, 7})}, .ends = {}});
    fence last;
    for (std::uint32_t l = 0; l < backend->geometry().layers; ++l) {
      if (l == 2) on->fail("the device fell off the bus");
      last = backend->run_layer(l, {});
    }
    callback<step_output> ended;
    backend->finish(ended.take());
    EXPECT_NE(ended.get().error.find("fell off the bus"), std::string::npos);
    EXPECT_TRUE(last.failed());
    EXPECT_THROW(run_step(*backend, {.sequences = {t.sampled({5})}, .ends = {}}), std::runtime_error);
  }
  backend = nullptr;
}

TEST(EmulatedSteps, ADeviceWithoutRoomGivesWhatItTookBack) {
  auto on = make_emulated_device({.memory_bytes = 1 << 20});
  auto free = on->free_bytes();
  EXPECT_THROW(make_cuda_backend(concierge(), on, {}), std::bad_alloc);
  EXPECT_EQ(on->free_bytes(), free);
}

}  // namespace
}  // namespace chromatin::gpu::cuda
