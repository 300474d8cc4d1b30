#pragma once

/// The keeper: the detached actor that does an archive's work on files, strands and reads (archive/keeper.hpp), since
/// all of it blocks, some of it for minutes. What is thrown there becomes an answer.

#include <functional>
#include <memory>

#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "archive/keeper.hpp"

namespace chromatin {

/// What time it is for the laboratory.
using lab_clock = std::function<archive::lab_time()>;
/// That of the world.
lab_clock world_clock();

/// `gentle`: its thread, which must be its own, gives way to all others.
keeper_actor::behavior_type keeper(keeper_actor::pointer self, std::shared_ptr<archive::keeper> work, lab_clock clock,
                                   bool gentle);

}  // namespace chromatin
