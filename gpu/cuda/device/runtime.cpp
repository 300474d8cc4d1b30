/// A device of CUDA's.
///
/// Errors. CUDA tells of an error at any later call, whoever makes it; an error of a kernel (an illegal address) stays,
/// and every call fails from then on. So nobody above looks at the result of a call:
///   - The first error is kept with the place where it was seen (first_error), and from then on the device has failed.
///     An error that CUDA itself would forget, such as a launch with wrong parameters, is treated likewise: it is a
///     bug, and what comes after it would compute with garbage.
///   - Launchers of kernels return nothing. CUDA keeps their error for the thread, and the next call here in the same
///     thread takes it: a step's kernels are followed by record() or then().
///   - A failed device enqueues nothing more. What was enqueued before may still be running if the context lives, so
///     then() waits for its place all the same, or until CUDA says that the place will never be reached; then it calls
///     with false. Every call of then() comes.
///   - Allocations that fail are std::bad_alloc and not a failure of the device, a capture that fails is a null graph.
///   - Nothing here brings a failed device back: that takes a new process.

#include "gpu/cuda/runtime.hpp"

#include <fstream>
#include <future>
#include <stdexcept>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>

#include "gpu/cuda/device/first_error.hpp"
#include "gpu/cuda/device/memory.hpp"
#include "gpu/cuda/device/products.hpp"
#include "gpu/cuda/device/watcher.hpp"

namespace chromatin::gpu::cuda {

namespace {

cudaStream_t native(stream s) { return reinterpret_cast<cudaStream_t>(s); }
cudaEvent_t native(event e) { return reinterpret_cast<cudaEvent_t>(e); }
cudaGraphExec_t native(graph g) { return reinterpret_cast<cudaGraphExec_t>(g); }

std::runtime_error no_device(const std::string& reason) {
  return std::runtime_error("cuda: no device (" + reason + ")");
}

void open_or_throw(cudaError_t result) {
  if (result != cudaSuccess) throw no_device(to_string(result));
}

/// "580.95.05, CUDA 13.0"; the first part is left out where the system does not tell.
std::string driver_version() {
  int number = 0;
  cudaDriverGetVersion(&number);
  std::string version;
  if (std::ifstream module{"/sys/module/nvidia/version"}; module >> version) version += ", ";
  return version + "CUDA " + std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

/// As one batch, which keeps a PCIe link busy: 53 GB/s of 54 in slices of 256 KiB, 33 in as many calls (H100).
cudaError_t copy_batch(std::span<const byte_copy> copies, cudaStream_t in) {
#if CUDART_VERSION >= 13000
  std::vector<void*> to;
  std::vector<const void*> from;
  std::vector<std::size_t> bytes;
  for (const auto& c : copies) {
    to.push_back(c.to);
    from.push_back(c.from);
    bytes.push_back(c.bytes);
  }
  cudaMemcpyAttributes ordered{};
  ordered.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
  std::size_t first = 0;  // the attributes are those of all
  return cudaMemcpyBatchAsync(to.data(), from.data(), bytes.data(), copies.size(), &ordered, &first, 1, in);
#else
  for (const auto& c : copies)
    if (auto result = cudaMemcpyAsync(c.to, c.from, c.bytes, cudaMemcpyDefault, in); result != cudaSuccess)
      return result;
  return cudaSuccess;
#endif
}

class cuda_device final : public runtime {
 public:
  cuda_device(int number, const cudaDeviceProp& about, const std::filesystem::path& algorithms)
      : number_{number},
        properties_{.name = about.name,
                    .driver = driver_version(),
                    .multiprocessors = static_cast<std::uint32_t>(about.multiProcessorCount),
                    .memory_bytes = about.totalGlobalMem,
                    .shared_bytes_max = about.sharedMemPerBlockOptin},
        products_{make_cuda_products({number, properties_.name + ", " + properties_.driver,
                                      static_cast<std::size_t>(about.l2CacheSize), algorithms},
                                     errors_)},
        watcher_{errors_, number} {
    int least = 0;
    errors_.passed(cudaDeviceGetStreamPriorityRange(&least, &most_urgent_), "asking for priorities");
  }

  bool is_own_call() const { return watcher_.is_own_call(); }

  const device_properties& properties() const override { return properties_; }
  const kernel_table& kernels() const override {
    enter();  // a kernel is launched next
    return *device_kernels();
  }
  products& multiplier() override {
    enter();
    return *products_;
  }

  kv::memory_block allocate(std::size_t bytes) override { return device_memory(number_, bytes); }
  kv::memory_block pinned(std::size_t bytes) override { return pinned_memory(number_, bytes); }
  std::size_t free_bytes() const override {
    enter();
    std::size_t free = 0, total = 0;
    return cudaMemGetInfo(&free, &total) == cudaSuccess ? free : 0;
  }

  stream make_stream(bool urgent) override {
    enter();
    cudaStream_t made = nullptr;
    errors_.passed(cudaStreamCreateWithPriority(&made, cudaStreamNonBlocking, urgent ? most_urgent_ : 0),
                   "making a stream");
    return reinterpret_cast<stream>(made);
  }
  void destroy(stream s) noexcept override {
    enter();
    if (s) errors_.passed(cudaStreamDestroy(native(s)), "destroying a stream");
  }

  event make_event(bool timed) override {
    enter();
    cudaEvent_t made = nullptr;
    errors_.passed(cudaEventCreateWithFlags(&made, timed ? cudaEventDefault : cudaEventDisableTiming),
                   "making an event");
    return reinterpret_cast<event>(made);
  }
  void destroy(event e) noexcept override {
    enter();
    if (e) errors_.passed(cudaEventDestroy(native(e)), "destroying an event");
  }

  void record(event e, stream s) override {
    enqueue("recording an event", [&] { return cudaEventRecord(native(e), native(s)); });
  }
  void wait(stream s, event e) override {
    enqueue("waiting for an event", [&] { return cudaStreamWaitEvent(native(s), native(e), 0); });
  }

  void copy(stream s, void* to, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    enqueue("a copy", [&] { return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, native(s)); });
  }
  void copy_rows(stream s, void* to, std::size_t to_stride, const void* from, std::size_t from_stride,
                 std::size_t bytes, std::size_t rows) override {
    if (bytes == 0 || rows == 0) return;
    enqueue("a copy of rows", [&] {
      return cudaMemcpy2DAsync(to, to_stride, from, from_stride, bytes, rows, cudaMemcpyDefault, native(s));
    });
  }

  void copy_many(stream s, std::span<const byte_copy> copies) override {
    if (copies.empty()) return;
    enqueue("many copies", [&] { return copy_batch(copies, native(s)); });
  }

  void then(stream s, std::function<void(bool passed)> call) override {
    note_launches();
    watcher_.add(native(s), std::move(call));
  }

  bool synchronize(stream s) override {
    note_launches();
    bool passed = errors_.passed(cudaStreamSynchronize(native(s)), "waiting for a stream");
    std::promise<void> called;
    watcher_.add(native(s), [&](bool) { called.set_value(); });
    called.get_future().wait();
    return passed && !errors_.any();
  }

  // Relaxed: another thread's calls, and a kernel's module that is loaded at its first launch, do not break a capture.
  void begin_capture(stream s) override {
    enqueue("beginning a capture", [&] { return cudaStreamBeginCapture(native(s), cudaStreamCaptureModeRelaxed); });
  }
  graph end_capture(stream s) override {
    enter();
    auto launches = cudaGetLastError();
    cudaGraph_t noted = nullptr;
    cudaGraphExec_t made = nullptr;
    auto ended = cudaStreamEndCapture(native(s), &noted);
    if (launches == cudaSuccess && ended == cudaSuccess && noted) cudaGraphInstantiateWithFlags(&made, noted, 0);
    if (noted) cudaGraphDestroy(noted);
    cudaGetLastError();
    return reinterpret_cast<graph>(made);
  }
  void launch(stream s, graph g) override {
    enqueue("launching a graph", [&] { return cudaGraphLaunch(native(g), native(s)); });
  }
  // One that is under way is freed by CUDA when it is done.
  void destroy(graph g) noexcept override {
    enter();
    if (g) errors_.passed(cudaGraphExecDestroy(native(g)), "destroying a graph");
  }

  double elapsed_ms(event begin, event end) override {
    enter();
    float ms = 0;
    if (cudaEventElapsedTime(&ms, native(begin), native(end)) == cudaSuccess) return ms;
    cudaGetLastError();
    return 0;
  }

  std::string error() const override { return errors_.text(); }

 private:
  /// CUDA's current device is one of each thread's own.
  void enter() const {
    thread_local int current = -1;
    if (current != number_ && cudaSetDevice(number_) == cudaSuccess) current = number_;
  }

  /// True when the device has not failed yet.
  bool note_launches() {
    enter();
    return errors_.passed(cudaGetLastError(), "a kernel") && !errors_.any();
  }

  template <typename Call>
  void enqueue(const char* what, const Call& call) {
    if (note_launches()) errors_.passed(call(), what);
  }

  const int number_;
  const device_properties properties_;
  first_error errors_;
  const std::unique_ptr<products> products_;
  watcher watcher_;  // calls use the rest: it is destroyed first
  int most_urgent_ = 0;
};

}  // namespace

std::shared_ptr<runtime> open_device(const device_options& options) {
  auto number = static_cast<int>(options.number);
  int driver = 0, count = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) throw no_device("this machine has no NVIDIA driver");
  open_or_throw(cudaGetDeviceCount(&count));
  if (number >= count) throw no_device("number " + std::to_string(number) + " of " + std::to_string(count));
  cudaDeviceProp about{};
  open_or_throw(cudaGetDeviceProperties(&about, number));
  if (about.major < 8)
    throw no_device(std::string{about.name} + " has compute capability " + std::to_string(about.major) + "." +
                    std::to_string(about.minor) + ", at least 8.0 is needed");
  open_or_throw(cudaSetDevice(number));
  open_or_throw(cudaFree(nullptr));  // makes the context, which a device that is in use may refuse
  return {new cuda_device{number, about, options.algorithms}, destroy_elsewhere_if_called<cuda_device>};
}

}  // namespace chromatin::gpu::cuda
