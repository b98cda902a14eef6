# SPDX-License-Identifier: Apache-2.0
# The warnings of this project, as the target umcg_warnings, and its sanitizers.

add_library(umcg_warnings INTERFACE)
target_compile_options(umcg_warnings INTERFACE
  -Wall -Wextra
  $<$<COMPILE_LANGUAGE:CXX>:-Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wsuggest-override
    -Wextra-semi -Wimplicit-fallthrough -Wcast-qual>
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wduplicated-cond -Wlogical-op>
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wthread-safety -Wimplicit-int-conversion>
  $<$<BOOL:${UMCG_WERROR}>:-Werror>)

# For everything in this tree: a sanitizer must see the whole program. The runtime finds out by
# itself which one it is built with. Reports need line tables only; full debug information doubles
# the time that gcc takes.
if(UMCG_SANITIZE)
  add_compile_options(-fsanitize=${UMCG_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -g1)
  if(UMCG_SANITIZE MATCHES address AND UMCG_SANITIZE MATCHES undefined)
    # AddressSanitizer reports what uses a null pointer, and these checks are a third of the code.
    add_compile_options(-fno-sanitize=null)
  endif()
  add_link_options(-fsanitize=${UMCG_SANITIZE})
  if(UMCG_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # gcc warns that its ThreadSanitizer does not see fences. None of ours publishes data.
    add_compile_options(-Wno-tsan)
  endif()
endif()
