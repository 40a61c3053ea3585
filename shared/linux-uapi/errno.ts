/** Linux errno values (asm-generic). System calls and kernel functions return `-EINVAL`, a value; they never throw. */
export const EPERM = 1,
  ENOENT = 2,
  ESRCH = 3,
  EINTR = 4,
  EIO = 5,
  E2BIG = 7,
  EBADF = 9,
  EAGAIN = 11,
  ENOMEM = 12,
  EACCES = 13,
  EFAULT = 14,
  EBUSY = 16,
  EEXIST = 17,
  ENODEV = 19;
export const EINVAL = 22,
  EMFILE = 24,
  ENOTTY = 25,
  ENOSPC = 28,
  ERANGE = 34,
  ENOSYS = 38,
  ENODATA = 61,
  EOVERFLOW = 75,
  EOPNOTSUPP = 95,
  ETIMEDOUT = 110;

const names: Record<number, string> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  4: "EINTR",
  5: "EIO",
  7: "E2BIG",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  16: "EBUSY",
  17: "EEXIST",
  19: "ENODEV",
  22: "EINVAL",
  24: "EMFILE",
  25: "ENOTTY",
  28: "ENOSPC",
  34: "ERANGE",
  38: "ENOSYS",
  61: "ENODATA",
  75: "EOVERFLOW",
  95: "EOPNOTSUPP",
  110: "ETIMEDOUT",
};

/** "-EINVAL" for -22; a value that is no errno prints as itself. For the trace and for messages. */
export const errnoName = (ret: number): string => (ret < 0 && names[-ret] !== undefined ? `-${names[-ret]}` : String(ret));

/** The value of an errno by its name ("EIO") or number; null: Linux has none that this machine knows. */
export function errnoValue(errno: string | number): number | null {
  if (typeof errno === "number") return Object.hasOwn(names, errno) ? errno : null;
  const found = Object.entries(names).find(([, name]) => name === errno);
  return found ? Number(found[0]) : null;
}
