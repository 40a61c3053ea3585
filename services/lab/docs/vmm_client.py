"""A VMM of sixty lines: it opens an assigned function through vfio/v1 and asks for page requests.
Usage: python vmm_client.py HOST_ADDRESS   (unix:/tmp/faultline-0/up/host.sock, or 127.0.0.1:5002)"""
import os, queue, struct, sys
import grpc

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../proto"))
vfio, services = grpc.protos_and_services("vfio/v1/vfio.proto")
VFIO = {name: 0x3B00 + n for name, n in [("GET_API_VERSION", 100), ("SET_IOMMU", 102), ("GROUP_GET_STATUS", 103), ("SET_CONTAINER", 104),
                                         ("GET_DEVICE_FD", 106), ("DEVICE_GET_INFO", 107), ("SET_PASID_TABLE", 118)]}
NESTING = 6  # VFIO_TYPE1_NESTING_IOMMU


class Vmm:
    """One stream is one process: when it ends, its file descriptors close."""

    def __init__(self, address, name="vmm0"):
        self.outgoing, self.seq = queue.Queue(), 0
        self.channel = grpc.insecure_channel(address)
        self.incoming = services.VfioStub(self.channel).Connect(iter(self.outgoing.get, None))
        hello = next(self.incoming).hello            # the host greets first: the same machine, our own name
        hello.name = name
        self.send(hello=hello)

    def send(self, **body):
        self.seq += 1
        self.outgoing.put(vfio.Envelope(seq=self.seq, lamport=self.seq, **body))
        return self.seq

    def call(self, **body):
        """A system call: waits for the message that replies to it; signals of eventfds on the way are printed."""
        seq = self.send(**body)
        for envelope in self.incoming:
            kind = envelope.WhichOneof("body")
            if kind == "signal":
                print("eventfd", envelope.signal.fd, "signalled, with", len(envelope.writes), "stores into regions")
            elif kind == "rejected":
                self.channel.close()                     # grpcio may wait for an open one at exit
                raise SystemExit(f"rejected: {envelope.rejected.field}: {envelope.rejected.reason}")
            elif envelope.reply_to == seq:
                return getattr(envelope, kind)

    def open(self, path):
        return self.told(f'open("{path}")', self.call(open=vfio.Open(path=path))).ret

    def ioctl(self, fd, name, arg=b""):
        return self.told(f"ioctl({fd}, VFIO_{name})", self.call(ioctl=vfio.Ioctl(fd=fd, cmd=VFIO[name], arg=arg)))

    def told(self, what, reply):
        print(f"{what} = {reply.ret if reply.ret >= 0 else f'-1 errno {-reply.ret}'}", flush=True)
        return reply


vmm = Vmm(sys.argv[1])
container, group = vmm.open("/dev/vfio/vfio"), vmm.open("/dev/vfio/0")
assert vmm.ioctl(container, "GET_API_VERSION").ret == 0
vmm.ioctl(group, "SET_CONTAINER", struct.pack("<i", container))
vmm.ioctl(container, "SET_IOMMU", struct.pack("<I", NESTING))
device = vmm.ioctl(group, "GET_DEVICE_FD", b"0000:00:01.0\0").ret
argsz, flags, regions, irqs, _ = struct.unpack("<5I", vmm.ioctl(device, "DEVICE_GET_INFO", struct.pack("<5I", 20, 0, 0, 0, 0)).arg)
print(f"the device has {regions} regions (two more than PCI: the fault rings) and {irqs} interrupts")
# argsz 8 leaves out struct iommu_pasid_table_config: the kernel says -EFAULT or -EINVAL, and the STE stays as it was.
assert vmm.ioctl(container, "SET_PASID_TABLE", struct.pack("<II", 8, 1)).ret < 0
vmm.outgoing.put(None)
