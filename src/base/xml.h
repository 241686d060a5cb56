// What is asked of XML from strangers before a parser sees it.
#pragma once

#include <string_view>

#include "base/result.h"

namespace confide {

// Refuses what could make two readers of one document differ, or keep one busy: a document type,
// and with it all entities but XML's own five; a declared encoding other than UTF-8, which is what
// every reader here takes; floods of attributes in a tag (256) or of namespaces in all (64), which
// parsers compare with one another. Whether it is XML at all, the parser says. Fails with
// `malformed` or `limit`.
Status check_xml(std::string_view text);

}  // namespace confide
