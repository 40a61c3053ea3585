/* The bare nested walk of walk.ts in C: 4 KiB granule, four levels over four, no permission checks. Prints ns per walk and the sum of the output addresses. */
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

/* walk IMAGE BASE S1ROOT S2ROOT ADDRESSES LOOPS */
int main(int argc, char **argv) {
  if (argc != 7) return 2;
  size_t size;
  ram = file(argv[1], &size);
  base = strtoull(argv[2], NULL, 0);
  uint64_t s1 = strtoull(argv[3], NULL, 0), s2 = strtoull(argv[4], NULL, 0);
  const uint64_t *vas = file(argv[5], &size);
  size_t count = size / 8;
  int loops = atoi(argv[6]);
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += nested(s1, s2, vas[i]);
  uint64_t first = sum;
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (int loop = 0; loop < loops; loop++)
    for (size_t i = 0; i < count; i++) sum += nested(s1, s2, vas[i]);
  clock_gettime(CLOCK_MONOTONIC, &b);
  double ns = (b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec);
  printf("%.2f %" PRIu64 " %" PRIu64 "\n", ns / ((double)loops * count), first, sum);
  return 0;
}
