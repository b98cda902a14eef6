// SPDX-License-Identifier: Apache-2.0
// config.h - what every public header needs: visibility.
#ifndef UMCG_INTERNAL_CONFIG_H_
#define UMCG_INTERNAL_CONFIG_H_

// The library is built with hidden visibility; this marks what a user may link to. Together with
// the versioned inline namespace it lets two copies of the library live in one process.
#define UMCG_API __attribute__((visibility("default")))

#endif  // UMCG_INTERNAL_CONFIG_H_
