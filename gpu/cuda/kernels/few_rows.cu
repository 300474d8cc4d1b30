/// Products of few rows, y = x · wᵀ, as a decode has them. Bound by memory: weights are read once.
///
/// A block takes tiles of 16 or 32 outputs (strips of 8), every grid-th of them, and a multiprocessor has one block.
/// Its 16 warps share the inputs: of units of 64 inputs each warp takes every 16th, and what they have for a tile is
/// added through shared memory by warp number.
///
/// Weights come through a ring in shared memory that each warp has for itself: cp.async keeps 128 KB of a
/// multiprocessor's on their way, over the tiles' ends too. x comes through the first-level cache, a unit ahead.
/// Weights do not depend on earlier kernels, so the ring is filled before these are waited for: while the kernel before
/// ends, the memory is busy already.
///
/// Products run on tensor cores, whose 16 rows are those of x; a strip's outputs are the 8 columns. The inputs that a
/// product sums over may be in any order if both sides agree, so a lane takes 16 bytes of both as its fragments.
///   ring: [stage][strip][output][8 pieces of 16 bytes]; odd outputs have pieces 0…3 and 4…7 exchanged, so that the
///   eight lanes of two outputs read different banks. Lane l copies piece l % 8 of outputs l / 8 and l / 8 + 4, and
///   uses pieces l % 4 and l % 4 + 4 of output l / 4, and those of rows l / 4 and l / 4 + 8 of x.
///
/// A row's result depends on that row and the matrix only: tensor cores keep rows apart, and the order of an output's
/// sum depends on `inputs` only, whatever the tiles are and whichever block has them.
///
/// Address and bounds. Weights: pieces of outputs or inputs that there are not become zeros and are not read; `inputs`
/// is a multiple of 8, so that a piece of 8 is there or not. x: rows and inputs that there are not are zeros and are
/// not read. y: only rows and outputs that there are. Shared memory: the ring, then twice [warp][strip][half of the
/// rows][64] sums: while one tile's are added up, the next one's are written; a barrier per tile keeps all warps within
/// a tile of each other.
///
/// sm_90, as ptxas says (16 outputs; 32; 16 for more than 8 rows): 72, 94 and 90 registers, no spills; 147,456, 163,840
/// and 163,840 bytes of shared memory; one block of 16 warps per multiprocessor.
/// H100, of the copy bandwidth (2,985 GB/s), with a small kernel before each product that lets it begin early: 4,096
/// outputs of 4,096 inputs 91 %, of 11,008 inputs 91 %; larger matrices 99 to 101 % (1 row); 8 rows 88, 87, 97 to 99 %.

#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t unit_inputs = 64, piece_values = 8, strip_outputs = 8, half_rows = 8;

struct few_rows_args {
  const std::uint16_t* weights;
  std::uint32_t outputs, inputs;
  const std::uint16_t* x;
  std::uint32_t rows;
  product_result result;
  void* y;
};

template <std::uint32_t strip_count, std::uint32_t stage_count, std::uint32_t half_count>
struct few_rows_layout {
  static constexpr std::uint32_t warps = 16, strips = strip_count, stages = stage_count, halves = half_count;
  static constexpr std::uint32_t threads = warps * 32, tile_outputs = strips * strip_outputs;
  static constexpr std::uint32_t output_bytes = unit_inputs * 2, strip_bytes = strip_outputs * output_bytes;
  static constexpr std::uint32_t stage_bytes = strips * strip_bytes, ring_bytes = stages * stage_bytes;
  static constexpr std::uint32_t warp_sums = strips * halves * half_rows * strip_outputs;
  static constexpr std::uint32_t sums_at = warps * ring_bytes, sums_bytes = warps * warp_sums * 4;
  static constexpr std::uint32_t shared_bytes = sums_at + 2 * sums_bytes;
  static_assert(warp_sums <= threads);
};

template <class layout>
struct few_rows_block {
  const few_rows_args& args;
  unsigned char* ring = shared_memory() + warp() * layout::ring_bytes;
  std::uint32_t tiles = (args.outputs + layout::tile_outputs - 1) / layout::tile_outputs;
  std::uint32_t units = (args.inputs + unit_inputs - 1) / unit_inputs;
  std::uint32_t copied_tile = block_x(), copied_unit = warp(), copied_stage = 0;  ///< what is copied next, and where to
  std::uint32_t stage = 0;                                                        ///< that is used next
  words_16 next_x[layout::halves][2];                                             ///< of the unit that is used next

  /// Starts copying the warp's next unit, if there is one, as a group of its own.
  DEVICE void copy() {
    if (copied_tile < tiles && copied_unit < units) {
      auto piece = lane() % 8, input = copied_unit * unit_inputs + piece * piece_values;
      auto* to = ring + copied_stage * layout::stage_bytes;
      UNROLL for (std::uint32_t i = 0; i < 2 * layout::strips; ++i) {
        auto row = i * 4 + lane() / 8, output = copied_tile * layout::tile_outputs + row;
        copy_async_16(to + row * layout::output_bytes + (piece ^ row % 2 * 4) * 16,
                      args.weights + std::size_t{output} * args.inputs + input,
                      output < args.outputs && input < args.inputs);
      }
      copied_unit += layout::warps;
      if (copied_unit >= units) {
        copied_unit = warp();
        copied_tile += grid_x();
      }
    }
    copy_async_commit();
    copied_stage = copied_stage + 1 < layout::stages ? copied_stage + 1 : 0;
  }

  DEVICE words_16 x_at(std::uint32_t row, std::uint32_t input) const {
    if (row >= args.rows || input >= args.inputs) return {};
    return load_16(args.x + std::size_t{row} * args.inputs + input);
  }

  DEVICE void load_x(std::uint32_t unit) {
    UNROLL for (std::uint32_t i = 0; i < 2 * layout::halves; ++i) {
      auto input = unit * unit_inputs + (lane() % 4 + i % 2 * 4) * piece_values;
      next_x[i / 2][i % 2] = x_at(i / 2 * half_rows + lane() / 4, input);
    }
  }

  DEVICE void multiply(std::uint32_t unit, float (&sums)[layout::strips][4]) {
    words_16 x[2][2] = {};
    UNROLL for (std::uint32_t i = 0; i < 2 * layout::halves; ++i) x[i / 2][i % 2] = next_x[i / 2][i % 2];
    load_x(unit + layout::warps < units ? unit + layout::warps : warp());
    copy_async_wait<static_cast<int>(layout::stages) - 1>();
    warp_barrier();
    const auto* from = ring + stage * layout::stage_bytes + lane() / 4 * layout::output_bytes;
    UNROLL for (std::uint32_t i = 0; i < 2 * layout::strips; ++i) {
      auto part = i % 2;
      auto w = load_16(from + i / 2 * layout::strip_bytes + (lane() % 4 + (part ^ lane() / 4 % 2) * 4) * 16);
      const auto &low = x[0][part], &high = x[1][part];
      mma_16x8x16(sums[i / 2], {low.w[0], high.w[0], low.w[1], high.w[1]}, {w.w[0], w.w[1]});
      mma_16x8x16(sums[i / 2], {low.w[2], high.w[2], low.w[3], high.w[3]}, {w.w[2], w.w[3]});
    }
    warp_barrier();  // none still reads the stage
    stage = stage + 1 < layout::stages ? stage + 1 : 0;
    copy();
  }

  /// Of each warp in turn.
  DEVICE float* sums_of_tile(std::uint32_t turn) const {
    return reinterpret_cast<float*>(shared_memory() + layout::sums_at + turn % 2 * layout::sums_bytes);
  }

  DEVICE void put(const float (&sums)[layout::strips][4], float* to) const {
    UNROLL for (std::uint32_t i = 0; i < layout::strips * layout::halves; ++i) {
      auto strip = i / layout::halves, half = i % layout::halves;
      store_8(to + i * 64 + lane() * 2, {{bits_of(sums[strip][half * 2]), bits_of(sums[strip][half * 2 + 1])}});
    }
  }

  /// Where in y this thread's sum of a tile goes; no place if there is none.
  DEVICE bool place(std::uint32_t tile, std::size_t& at) const {
    auto i = thread_x() / 64, of_lane = thread_x() % 64 / 2;
    auto row = i % layout::halves * half_rows + of_lane / 4;
    auto output = tile * layout::tile_outputs + i / layout::halves * strip_outputs + of_lane % 4 * 2 + thread_x() % 2;
    at = std::size_t{row} * args.outputs + output;
    return thread_x() < layout::warp_sums && row < args.rows && output < args.outputs;
  }

  DEVICE void add_up(const float* of_warps, float before, std::size_t at) const {
    float sum = 0;
    UNROLL for (std::uint32_t w = 0; w < layout::warps; ++w) sum += of_warps[w * layout::warp_sums + thread_x()];
    if (args.result == product_result::bf16)
      static_cast<std::uint16_t*>(args.y)[at] = to_bf16(sum);
    else
      static_cast<float*>(args.y)[at] = before + sum;
  }

  DEVICE void run() {
    UNROLL_BY(1) for (std::uint32_t i = 0; i < layout::stages; ++i) copy();
    await_earlier_kernels();
    admit_later_kernels();
    load_x(warp());
    std::uint32_t turn = 0;
    for (auto tile = block_x(); tile < tiles; tile += grid_x(), ++turn) {
      std::size_t at;
      bool mine = place(tile, at);
      bool adds = mine && args.result == product_result::float_sums;
      float before = adds ? static_cast<const float*>(args.y)[at] : 0;
      float sums[layout::strips][4] = {};
      for (auto unit = warp(); unit < units; unit += layout::warps) multiply(unit, sums);
      put(sums, sums_of_tile(turn) + warp() * layout::warp_sums);
      barrier();
      if (mine) add_up(sums_of_tile(turn), before, at);
    }
    copy_async_wait<0>();
  }
};

template <class layout>
KERNEL_BOUNDS(layout::threads, 1)
void few_rows(few_rows_args args) {
  few_rows_block<layout>{args}.run();
}

template <std::uint32_t strips, std::uint32_t stages, std::uint32_t halves>
void launch_few_rows(stream queue, const few_rows_args& args) {
  using layout = few_rows_layout<strips, stages, halves>;
  auto tiles = pieces_of(args.outputs, layout::tile_outputs), at_a_time = multiprocessors();
  LAUNCH_EARLY(few_rows<layout>, grid{tiles < at_a_time ? tiles : at_a_time}, layout::threads, layout::shared_bytes,
               queue, args);
}

}  // namespace

void multiply_few(stream queue, const std::uint16_t* weights, std::uint32_t outputs, std::uint32_t inputs,
                  const std::uint16_t* x, std::uint32_t rows, product_result result, void* y) {
  CHROMATIN_CHECK(rows > 0 && rows <= few_rows_max, "few rows");
  CHROMATIN_CHECK(inputs % piece_values == 0 && aligned_16(weights) && aligned_16(x), "rows are pieces of 16 bytes");
  few_rows_args args{weights, outputs, inputs, x, rows, result, y};
  if (rows > half_rows)
    launch_few_rows<2, 4, 2>(queue, args);
  else if (outputs > 4 * strip_outputs * multiprocessors())
    launch_few_rows<2, 4, 1>(queue, args);
  else
    launch_few_rows<4, 2, 1>(queue, args);  // a tile each
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
