import type { Execution } from "@faultline/shared/execution/execution.ts";
import { Mutex } from "@faultline/shared/execution/mutex.ts";
import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { MmuNotifiers } from "@faultline/shared/linux/mmu-notifier.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { File, FileSystem } from "./file-system.ts";
import { type FrameAllocator, PAGE_SIZE } from "./frames.ts";
import type { Protection, Vma } from "./vma.ts";

/** VA size of a process: TCR.T0SZ = 16. */
export const VA_BITS = 48;
const MMAP_BASE = 0x7f00_0000_0000;

/** What a present page is made of, so that munmap knows to whom its frame goes back. */
export type PresentPage = { kind: "anonymous"; gpa: number } | { kind: "file"; gpa: number; file: File; index: number };

export interface MmPorts {
  memory: PhysicalMemory;
  frames: FrameAllocator;
  files: FileSystem;
  outputBits: number;
  execution: Execution;
  tracer: Tracer;
  switches: ReadonlySet<string>;
  /** Address spaces that exist: made and not torn down. */
  alive: { alive: number };
}

/** The address space of one process. Its page table is the stage-1 table that the SMMU walks for its PASID. */
export class Mm {
  readonly name: string;
  readonly ports: MmPorts;
  readonly pageTable: IoPgtable;
  /** Guest CPU ASID, pinned while a CD names it. */
  asid = 0;
  pasid = 0;
  mm_users = 1;
  vmas: Vma[] = [];
  /** By virtual address of the page. */
  readonly present = new Map<number, PresentPage>();
  readonly notifiers = new MmuNotifiers();
  /** Pages that a device may still reach because an invalidation failed (RR-84): they go back once everything of the address space was flushed. */
  readonly kept: PresentPage[] = [];
  /** It is dead, and its tables may still be walked. */
  tablesKept = false;
  /** Bonds of it whose flush failed at their unbind. */
  unflushed = 0;
  /** mmap_lock: faults and munmap of one address space exclude each other. */
  readonly mmap_lock: Mutex;
  #next = MMAP_BASE;

  private constructor(name: string, ports: MmPorts, pageTable: IoPgtable) {
    this.name = name;
    this.ports = ports;
    this.pageTable = pageTable;
    this.mmap_lock = new Mutex(`${name} mmap_lock`, ports.execution.locks);
  }

  /** null: no memory for the page table. */
  static create(name: string, ports: MmPorts): Mm | null {
    const pageTable = IoPgtable.alloc({
      memory: ports.memory,
      allocFrame: () => ports.frames.alloc(),
      freeFrame: (gpa) => ports.frames.free(gpa),
      format: "stage1",
      inputBits: VA_BITS,
      outputBits: ports.outputBits,
    });
    if (!pageTable) return null;
    ports.alive.alive++;
    return new Mm(name, ports, pageTable);
  }

  /** A new range of at least `length` bytes; nothing is present in it. Returns its first address. */
  mmap(length: number, prot: Protection, name: string, file: File | null = null, offset = 0): number {
    const start = this.#next;
    const end = start + Math.max(PAGE_SIZE, Math.ceil(length / PAGE_SIZE) * PAGE_SIZE);
    this.#next = end + PAGE_SIZE; // one page that nothing covers, so that a run past the end faults
    this.vmas.push({ start, end, prot, file, offset, name });
    return start;
  }

  /** M-invalidate-before-free: frames and tables go back while TLBs and ATCs may still lead to them. */
  get freesBeforeInvalidation(): boolean {
    return this.ports.switches.has("M-invalidate-before-free");
  }

  /** Gives a page's frame back to whom it belongs. */
  putPage(page: PresentPage): void {
    if (page.kind === "anonymous") this.ports.frames.free(page.gpa);
    else this.ports.files.unmapPage(page.file, page.index);
  }
}
