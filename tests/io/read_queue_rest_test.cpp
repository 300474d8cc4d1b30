// What stands before a new order, and what is left of one.

#include <gtest/gtest.h>

#include "io/read_queue.hpp"

namespace chromatin::io {
namespace {

TEST(ReadQueueRest, WhatTheDeviceReadsForLessUrgentOrdersComesBeforeANewOne) {
  constexpr auto no_end = read_queue::time_point::max();
  read_queue q{{.layers = 2, .reads_max = 3}};
  q.add(1, {10, 11, 12}, urgency::ahead_of_need, no_end);
  EXPECT_EQ(q.slices_before(urgency::turn_waits), 0u);
  q.next({});
  EXPECT_EQ(q.slices_before(urgency::turn_waits), 3u);
  q.add(2, {20}, urgency::turn_waits, no_end);
  EXPECT_EQ(q.slices_before(urgency::turn_waits), 5u);
  EXPECT_EQ(q.rest_of(1).missing, 6u);
  EXPECT_EQ(q.rest_of(1).in_device, 3u);
  EXPECT_EQ(q.rest_of(77).missing, 0u);
}

}  // namespace
}  // namespace chromatin::io
