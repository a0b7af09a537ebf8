// Copying bytes without gaps, and what copying elements needs of wide registers. Compiled once; on x86-64 this and
// turned.hpp are where such code asks for more than the baseline, at run time: stores of 32 bytes are a third quicker
// than of 16.
#pragma once

#include <cstdint>

namespace minigrad {

// From this many bytes on, read and written, a copy fits into no cache.
constexpr int64_t kStreamed = int64_t{32} << 20;

// Whether results should go past the caches, where so many bytes are read and written: a line of memory is then written
// without having been read before. The caches of three threads and more hold a quarter more.
bool past_caches(int64_t bytes);

// Copies bytes. Where `streamed`, they go past the caches, and other threads see them once the thread that copied them
// has called stream_end().
void copy_bytes(void* to, const void* from, int64_t bytes, bool streamed = false);
void stream_end();

// Copies a multiple of 64 bytes past the caches, to a place that is aligned to as many.
void stream_lines(void* to, const void* from, int64_t bytes);

// Copies a row past the caches while the one that comes next is asked for, unless that is null: the processor foresees
// it.
void stream_row_before(void* to, const void* from, const void* next, int64_t bytes);

// Rows of fewer bytes are not worth going past the caches.
constexpr int64_t kStreamedRow = 512;

// Copies rows of so many bytes, which begin to_row and from_row bytes apart; false, with nothing done, where it cannot.
bool copy_rows(void* to, const void* from, int64_t rows, int64_t bytes, int64_t to_row, int64_t from_row);

// Copies the rows that indices name, one behind the other: `extent` rows of `bytes` bytes each, which begin from_row
// bytes apart. Negative indices count from the end. False where an index is out of range. Past the caches if
// `streamed`.
bool pick_rows(void* to, const void* from, const int64_t* index, int64_t count, int64_t bytes, int64_t from_row,
               int64_t extent, bool streamed);

// Copies bytes, which may overlap: past the caches where they are part of something large.
void move_bytes(void* to, const void* from, int64_t bytes, bool large);

void zero_bytes(void* to, int64_t bytes, bool streamed = false);

// Fills as many of the bytes as it can with the first 32 of a pattern; returns how many: a multiple of 32.
int64_t fill_bytes(void* to, const void* pattern, int64_t bytes);

// Reverses rows of `count` elements of 4 bytes, as far as wide registers go: the last elements of each row, to the
// beginning of a row of `to`. Returns how many of each row it copied. It reads forwards, which memory is fastest at.
int64_t reverse_rows(uint32_t* to, const uint32_t* from, int64_t rows, int64_t count, int64_t to_row, int64_t from_row);

}  // namespace minigrad
