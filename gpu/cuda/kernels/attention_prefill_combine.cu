/// Adds the results that attention_prefill's blocks left for the parts of their rows, in the order of the parts.
///
/// A thread has what one of a block's threads had. Blocks as in attention_prefill without parts. Shares that have one
/// part only are final already. A row's arithmetic is that of a block which goes through all parts itself.
///
/// Address and bounds: args.scratch is [share][part][float][thread] (prefill_scratch_floats), with part below those of
/// the share's last row, hence below those of context_max; all of a share's parts were left by the launch before.
/// Shared memory: as attention_prefill's queries and positions.
///
/// sm_90, as ptxas says: 254 registers for 128 dimensions, 166 for 64, 255 for 256; no spills.

#include "gpu/cuda/kernels/attention_prefill_state.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

template <std::uint32_t dim_max, bool exact>
KERNEL_BOUNDS(prefill_layout<dim_max>::threads, 8 / prefill_warps)
void combine(attention_args args) {
  prefill_state<dim_max, exact> rows{args};
  prefill_share share{args, prefill_layout<dim_max>::rows};
  if (share.rows == 0 || rows.warp_row() >= share.rows) return;
  auto end = share.position(share.rows - 1) / prefill_part_tokens + 1;
  if (end == 1) return;
  for (auto row = rows.warp_row() + lane(); row < rows.warp_row() + prefill_layout<dim_max>::warp_rows; row += 32)
    rows.positions()[row] = share.position(row);
  warp_barrier();
  auto number = share.number * parts_max(args);
  rows.take(rows.place(number));
  for (std::uint32_t part = 1; part < end; ++part) rows.template add<true>(rows.place(number + part), part);
  rows.write(share);
}

template <std::uint32_t dim_max, bool exact>
void launch_combine(stream queue, const attention_args& args) {
  using layout = prefill_layout<dim_max>;
  LAUNCH((combine<dim_max, exact>), prefill_blocks<dim_max>(args), layout::threads, layout::shared_bytes, queue, args);
}

}  // namespace

void combine_prefill(stream queue, const attention_args& args) {
  auto dim = args.shape.head_dim;
  if (dim == 64)
    launch_combine<64, true>(queue, args);
  else if (dim == 128)
    launch_combine<128, true>(queue, args);
  else if (dim < 128)
    launch_combine<128, false>(queue, args);
  else
    launch_combine<256, false>(queue, args);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
