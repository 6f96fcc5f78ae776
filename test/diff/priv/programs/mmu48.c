#define SV48
#include "mmu.c"
