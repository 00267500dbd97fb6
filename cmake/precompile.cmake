# Where nothing is measured, headers that most files include are compiled once a target: a sanitizer's
# build then takes much less time. The other builds do without, so that a missing include shows.
option(STACKHEAP_PRECOMPILE "Precompile common headers" OFF)

set(STACKHEAP_COMMON_HEADERS <fmt/format.h> <algorithm> <filesystem> <functional> <map> <optional>
    <set> <span> <string> <string_view> <vector>)

# stackheap_precompile(TARGET [HEADER...]): the common headers and these.
function(stackheap_precompile target)
  if(STACKHEAP_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${STACKHEAP_COMMON_HEADERS} ${ARGN})
  endif()
endfunction()
