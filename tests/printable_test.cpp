#include "harness/base/printable.hpp"

#include <gtest/gtest.h>

namespace stackheap {
namespace {

TEST(PrintableTest, NothingOfItCanMoveACursor) {
  EXPECT_EQ(printable("plain text\nnext"), "plain text\nnext");
  EXPECT_EQ(printable("\x1b[2Jgone\r\t\x7f"), "\\x1b[2Jgone\\x0d\\x09\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");  // CSI as one character
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
            "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
}

TEST(PrintableTest, BytesThatAreNoUtf8AreShownAsBytes) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc3"), "\\xc3");                    // cut off
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

}  // namespace
}  // namespace stackheap
