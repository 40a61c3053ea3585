/*
 * The bare nested walk of walk.ts in C: 4 KiB granule, four levels over four, no permission checks. Prints the sum of the output addresses of one pass, and a
 * line with ns per walk for each pass: "warm", or "cold" when the CPU's caches hold something else at its beginning.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const unsigned char *ram;
static uint64_t base;
#define FAULT UINT64_MAX

static inline uint64_t load(uint64_t address) { return *(const uint64_t *)(ram + (address - base)); }

static inline uint64_t stage2(uint64_t table, uint64_t ipa) {
  for (int shift = 39;; shift -= 9) {
    uint64_t d = load(table + ((ipa >> shift) & 511) * 8);
    if (!(d & 1)) return FAULT;
    if (shift == 12 || !(d & 2)) {
      uint64_t low = ((uint64_t)1 << shift) - 1;
      return (d & 0xfffffffff000 & ~low) | (ipa & low);
    }
    table = d & 0xfffffffff000;
  }
}

static inline uint64_t nested(uint64_t s1, uint64_t s2, uint64_t va) {
  uint64_t table = s1;
  for (int shift = 39;; shift -= 9) {
    uint64_t pa = stage2(s2, table + ((va >> shift) & 511) * 8);
    if (pa == FAULT) return FAULT;
    uint64_t d = load(pa);
    if (!(d & 1)) return FAULT;
    if (shift == 12 || !(d & 2)) {
      uint64_t low = ((uint64_t)1 << shift) - 1;
      return stage2(s2, (d & 0xfffffffff000 & ~low) | (va & low));
    }
    table = d & 0xfffffffff000;
  }
}

static void *file(const char *name, size_t *size) {
  FILE *f = fopen(name, "rb");
  if (!f) exit(2);
  fseek(f, 0, SEEK_END);
  *size = ftell(f);
  rewind(f);
  void *bytes = malloc(*size);
  if (!bytes || fread(bytes, 1, *size, f) != *size) exit(2);
  fclose(f);
  return bytes;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

/* walk IMAGE BASE S1ROOT S2ROOT ADDRESSES LOOPS COLDLOOPS OTHERBYTES */
int main(int argc, char **argv) {
  if (argc != 9) return 2;
  size_t size;
  ram = file(argv[1], &size);
  base = strtoull(argv[2], NULL, 0);
  uint64_t s1 = strtoull(argv[3], NULL, 0), s2 = strtoull(argv[4], NULL, 0);
  const uint64_t *vas = file(argv[5], &size);
  size_t count = size / 8;
  int loops = atoi(argv[6]);
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += nested(s1, s2, vas[i]);
  printf("%" PRIu64 "\n", sum);
  size_t otherBytes = strtoull(argv[8], NULL, 0);
  unsigned char *other = malloc(otherBytes);
  if (!other) return 2;
  for (int loop = 0, cold = atoi(argv[7]); loop < loops + cold; loop++) {
    if (loop >= loops)
      for (size_t at = 0; at < otherBytes; at += 64) other[at]++;
    double start = now();
    for (size_t i = 0; i < count; i++) sum += nested(s1, s2, vas[i]);
    printf("%s %.2f\n", loop < loops ? "warm" : "cold", (now() - start) / count);
  }
  fprintf(stderr, "%" PRIu64 "\n", sum + other[0]); /* keeps the walks */
  return 0;
}
