/* The peer's side of bench/explore.mjs: the protocol of bench/mmun.ts for Spin (Debian package `spin`).
   spin -a -o1 -o2 -o3 -DNP=1 -DNCPU=2 -DNDEV=1 -DNUNMAP=1 mmun.pml   (-o1 -o2 -o3: no merging of statements,
   no dead-variable resets), then gcc -O2 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -m1000000.
   Processes never end, so that no order of process death enters the count. */
/* A small mmu_notifier protocol: NP pages, NCPU CPUs with TLBs, NDEV devices with IOTLBs, NUNMAP unmappers.
   unmapper: start(); clear pte; flush tlb (IPI per cpu); end(); free page.
   faulter (secondary MMU): seq = read; walk; lock; if retry -> again; install. */
#ifndef NP
#define NP 2
#endif
#ifndef NCPU
#define NCPU 2
#endif
#ifndef NDEV
#define NDEV 1
#endif
#ifndef NUNMAP
#define NUNMAP 1
#endif
/* BUG 0: correct. 1: end() forgets to bump seq. 2: the page is freed before the CPUs are flushed. */
#ifndef BUG
#define BUG 0
#endif
bool pte[NP]; bool freed[NP];
typedef TLB { bool e[NP] };
TLB tlb[NCPU]; TLB iotlb[NDEV];
byte seq = 0; byte nact = 0; bool mlock = 0;
bool ipi[NCPU]; byte ipip[NCPU];
bool mmaplock = 0;
inline lock(l) { atomic { !l -> l = 1 } }
inline unlock(l) { l = 0 }
proctype cpu(byte id) {
  byte p; byte n = 0;
  do
  :: n < 3 -> n++;
     if :: p = 0 :: (NP > 1) -> p = 1 :: (NP > 2) -> p = 2 fi;
     if
     :: atomic { tlb[id].e[p] -> assert(!freed[p]) }
     :: !tlb[id].e[p] && pte[p] -> tlb[id].e[p] = 1
     :: !tlb[id].e[p] && !pte[p] -> skip
     fi
  :: ipi[id] -> tlb[id].e[ipip[id]] = 0; ipi[id] = 0
  :: n >= 3 && !ipi[id] -> break
  od;
end:
  do :: ipi[id] -> tlb[id].e[ipip[id]] = 0; ipi[id] = 0 od
}
proctype dev(byte id) {
  byte p; byte n = 0; byte s; bool v;
  do
  :: n < 3 -> n++;
     if :: p = 0 :: (NP > 1) -> p = 1 :: (NP > 2) -> p = 2 fi;
     if
     :: atomic { iotlb[id].e[p] -> assert(!freed[p]) }
     :: else ->
again:  s = seq;
        v = pte[p];
        lock(mlock);
        if
        :: (seq != s || nact > 0) -> unlock(mlock);
        :: else -> if :: v -> iotlb[id].e[p] = 1 :: else -> skip fi; unlock(mlock)
        fi
     fi
  :: n >= 3 -> break
  od;
end: false
}
proctype unmapper(byte id) {
  byte p; byte c;
  if :: p = 0 :: (NP > 1) -> p = 1 :: (NP > 2) -> p = 2 fi;
  lock(mmaplock);
  if :: pte[p] ->
    lock(mlock); nact++; iotlb[0].e[p] = 0;
#if NDEV > 1
    iotlb[1].e[p] = 0;
#endif
    unlock(mlock);
    pte[p] = 0;
#if BUG == 2
    freed[p] = 1;
#endif
    c = 0;
    do :: c < NCPU -> ipip[c] = p; ipi[c] = 1; !ipi[c]; c++ :: else -> break od;
    lock(mlock); nact--;
#if BUG != 1
    seq++;
#endif
    unlock(mlock);
    freed[p] = 1
  :: else -> skip
  fi;
  unlock(mmaplock);
end: false
}
init { byte i; atomic {
  i = 0; do :: i < NP -> pte[i] = 1; i++ :: else -> break od;
  i = 0; do :: i < NCPU -> run cpu(i); i++ :: else -> break od;
  i = 0; do :: i < NDEV -> run dev(i); i++ :: else -> break od;
  i = 0; do :: i < NUNMAP -> run unmapper(i); i++ :: else -> break od;
} }
