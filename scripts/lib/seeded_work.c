/* Stands alone: allocates, touches and frees blocks of mixed sizes as often as it is told, by its
 * argument or by WORK. A slowdown of it is exact: so many more operations of the same kind. */
#include <stdio.h>
#include <stdlib.h>

enum { SLOTS = 1024 };

int main(int argc, char **argv) {
  const char *told = argc > 1 ? argv[1] : getenv("WORK");
  if (told == NULL) {
    fprintf(stderr, "usage: %s OPERATIONS   or WORK=OPERATIONS in its environment\n", argv[0]);
    return 2;
  }
  const unsigned long operations = strtoul(told, NULL, 10);
  static char *volatile slots[SLOTS];
  unsigned state = 1;
  for (unsigned long i = 0; i < operations; ++i) {
    state = state * 1664525U + 1013904223U; /* Numerical Recipes' generator */
    const unsigned slot = (state >> 8) % SLOTS;
    free(slots[slot]);
    char *block = malloc(16 + (state >> 20));
    if (block == NULL) return 1;
    *block = (char)state;
    slots[slot] = block;
  }
  return 0;
}
