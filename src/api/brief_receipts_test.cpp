#include "api/brief_receipts.h"

#include <gtest/gtest.h>

namespace confide::api {
namespace {

TEST(BriefReceiptsTest, KeepsTheNewest) {
  BriefReceipts receipts(2);
  for (const std::string id : {"a", "b", "c"}) {
    receipts.put(id, {.document = "of " + id, .owner = "sha256:" + id});
  }
  EXPECT_FALSE(receipts.find("a"));
  ASSERT_TRUE(receipts.find("b"));
  EXPECT_EQ(receipts.find("b")->document, "of b");
  EXPECT_EQ(receipts.find("c")->owner, "sha256:c");
  EXPECT_FALSE(receipts.find("d"));
}

}  // namespace
}  // namespace confide::api
