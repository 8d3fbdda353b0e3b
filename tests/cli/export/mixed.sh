# A folder whose tensors have several types keeps them, and says so.
cp -r "$SAMPLE" m
chmod u+w m/*
python3 - m/model-00002-of-00002.safetensors <<'END'
import json, struct, sys

# The last tensor as F32: zeros, at the end.
with open(sys.argv[1], "rb") as f:
    data = f.read()
n = struct.unpack("<Q", data[:8])[0]
head, data = json.loads(data[8:8 + n]), data[8 + n:]
last = max((v["data_offsets"][0], k) for k, v in head.items()
           if k != "__metadata__")[1]
begin = head[last]["data_offsets"][0]
length = 4
for d in head[last]["shape"]:
    length *= d
head[last] = {"dtype": "F32", "shape": head[last]["shape"],
              "data_offsets": [begin, begin + length]}
head = json.dumps(head).encode()
with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<Q", len(head)) + head + data[:begin] +
            bytes(length))
END
$PHICONV export m -o out
$PHICONV export m -o one --dtype f16
