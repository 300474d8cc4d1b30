// Who computes: the processor or a CUDA device, as the options and the machine have it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/open_backend.hpp"
#include "gpu/cuda/emulated/runtime.hpp"
#include "model/checkpoint_shapes.hpp"
#include "model/random_checkpoint.hpp"

namespace chromatin::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t memory_bytes = std::size_t{3} << 30;

std::shared_ptr<gpu::cuda::runtime> emulated() {
  return gpu::cuda::make_emulated_device({.memory_bytes = memory_bytes});
}

std::shared_ptr<gpu::cuda::runtime> none() { throw std::runtime_error("cuda: no device (it was left at home)"); }

system_options choosing(backend_choice backend, std::function<std::shared_ptr<gpu::cuda::runtime>()> open = emulated) {
  return {.backend = backend, .device_bytes_fit = true, .open_device = std::move(open)};
}

TEST(OpenBackend, AutoTakesTheDeviceWhereThereIsOneAndComputesInBf16) {
  std::vector<std::string> notices;
  auto place = choose_place(choosing(backend_choice::automatic), notices);
  EXPECT_TRUE(place.device);
  EXPECT_EQ(place.type, kv::dtype::bf16);
  EXPECT_THAT(notices, IsEmpty());
}

TEST(OpenBackend, AutoSaysWhyTheProcessorComputesWhereThereIsNoDevice) {
  std::vector<std::string> notices;
  EXPECT_FALSE(choose_place(choosing(backend_choice::automatic, none), notices).device);
  EXPECT_THAT(notices, ElementsAre("cuda: no device (it was left at home): the processor computes"));
}

TEST(OpenBackend, CudaWithoutADeviceIsAnError) {
  std::vector<std::string> notices;
  EXPECT_THROW(choose_place(choosing(backend_choice::cuda, none), notices), std::runtime_error);
}

TEST(OpenBackend, CpuLooksForNoDevice) {
  std::vector<std::string> notices;
  auto options = choosing(backend_choice::cpu, none);
  EXPECT_FALSE(choose_place(options, notices).device);
  EXPECT_THAT(notices, IsEmpty());
}

TEST(OpenBackend, WhatOnlyTheProcessorDoesIsDoneByItOrRefused) {
  for (bool int8 : {false, true}) {
    auto options = choosing(backend_choice::automatic);
    options.weights = int8 ? model::weight_kind::int8 : model::weight_kind::stored;
    options.compute = int8 ? compute_type::automatic : compute_type::f32;
    std::vector<std::string> notices;
    EXPECT_FALSE(choose_place(options, notices).device);
    EXPECT_THAT(notices, ElementsAre(HasSubstr(int8 ? "--weights int8" : "--compute f32")));
    options.backend = backend_choice::cuda;
    EXPECT_THROW(choose_place(options, notices), std::runtime_error);
  }
}

TEST(OpenBackend, AModelWithTraitsThatTheDeviceDoesNotComputeIsTheProcessorsOrRefusedByName) {
  const auto checkpoint = model::random_checkpoint("gemma2-tiny", 1);
  auto traits = model::traits_beyond_llama(checkpoint->config);
  EXPECT_THAT(traits, testing::IsSupersetOf({"soft caps", "a sliding window", "scaled embeddings"}));
  std::vector<std::string> notices;
  EXPECT_FALSE(choose_place(choosing(backend_choice::automatic), notices, traits).device);
  EXPECT_THAT(notices, ElementsAre(testing::AllOf(HasSubstr("soft caps"), HasSubstr("the processor computes"))));
  EXPECT_THROW(choose_place(choosing(backend_choice::cuda), notices, traits), std::runtime_error);
  EXPECT_THROW(open_backend({.device = emulated()}, checkpoint, {}), std::runtime_error);
  for (auto plain : {"llama3-tiny", "mistral-tiny", "qwen2-tiny"})
    EXPECT_THAT(model::traits_beyond_llama(model::random_checkpoint(plain, 1)->config), IsEmpty());
}

TEST(OpenBackend, TheArenaTakesWhatWeightsAndReserveLeave) {
  std::vector<std::string> notices;
  auto options = choosing(backend_choice::cuda);
  auto place = choose_place(options, notices);
  auto model = model::random_checkpoint("llama3-tiny", 1)->config;
  auto chunk_bytes = model.cache_geometry(kv::dtype::bf16).chunk_bytes();
  auto bytes = device_bytes(place, model, options, notices);
  EXPECT_EQ(bytes % chunk_bytes, 0u);
  EXPECT_LT(bytes, memory_bytes - (std::size_t{1} << 30)) << "a reserve is left";
  EXPECT_GT(bytes, memory_bytes - (std::size_t{1} << 30) - (std::size_t{1} << 20)) << "the weights are small";
  EXPECT_THAT(notices, ElementsAre(HasSubstr("--device-mem: 2.0 GiB")));
  options.device_bytes_fit = false;
  options.device_bytes = 1 << 20;
  EXPECT_EQ(device_bytes(place, model, options, notices), 1u << 20) << "given by the user";
}

TEST(OpenBackend, AModelThatIsLargerThanTheDeviceIsRefusedWithTheWayOut) {
  std::vector<std::string> notices;
  auto options = choosing(backend_choice::cuda);
  auto place = choose_place(options, notices);
  auto model = model::find_checkpoint_shape("llama-7b").config;
  try {
    device_bytes(place, model, options, notices);
    ADD_FAILURE() << "it does not fit";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), testing::AllOf(HasSubstr("12.6 of weights"), HasSubstr("--backend cpu")));
  }
}

TEST(OpenBackend, MemoryOfTheHostKeepsTheDeviceThatItIsPinnedFor) {
  std::weak_ptr<gpu::cuda::runtime> device;
  kv::memory_block memory;
  {
    compute_place place{.device = emulated()};
    device = place.device;
    memory = host_memory(place, 4096);
  }
  EXPECT_FALSE(device.expired());
  memory = {};
  EXPECT_TRUE(device.expired());
}

}  // namespace
}  // namespace chromatin::test
