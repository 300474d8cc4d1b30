#include "gpu/run_step.hpp"

#include <future>
#include <stdexcept>

namespace chromatin::gpu {

std::vector<sequence_result> run_step(backend& on, step_batch batch) {
  auto ended = std::make_shared<std::promise<step_output>>();  // the device may still be in set_value()
  on.begin(std::move(batch));
  for (std::uint32_t layer = 0; layer < on.geometry().layers; ++layer) on.run_layer(layer, {});
  on.finish([ended](step_output output) { ended->set_value(std::move(output)); });
  auto output = ended->get_future().get();
  if (!output.error.empty()) throw std::runtime_error(output.error);
  return std::move(output.sequences);
}

}  // namespace chromatin::gpu
