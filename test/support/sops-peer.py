"""The format of SOPS once more, by other libraries: PyYAML, python3-cryptography and the age program.

sops-peer.py decrypt KEYFILE < encrypted   prints {"documents": [...], "mac": true|false} as JSON
sops-peer.py encrypt RECIPIENT REGEX < plain YAML   prints the encrypted file
"""
import base64
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys

import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORM = re.compile(r"^ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]$")


def as_bytes(value):
    if isinstance(value, bool):
        return b"True" if value else b"False"
    return str(value).encode()


def decrypt_value(text, key, aad):
    if text == "":
        return ""
    data, iv, tag, kind = FORM.match(text).groups()
    sealed = base64.b64decode(data) + base64.b64decode(tag)
    plain = AESGCM(key).decrypt(base64.b64decode(iv), sealed, aad.encode()).decode()
    return {"int": int, "float": float, "bool": lambda text: text == "True"}.get(kind, str)(plain)


def encrypt_value(value, key, aad):
    if value == "":
        return ""
    kinds = {bool: "bool", int: "int", float: "float", str: "str"}
    iv = os.urandom(32)
    sealed = AESGCM(key).encrypt(iv, as_bytes(value), aad.encode())
    parts = [base64.b64encode(part).decode() for part in (sealed[:-16], iv, sealed[-16:])]
    return "ENC[AES256_GCM,data:%s,iv:%s,tag:%s,type:%s]" % (*parts, kinds[type(value)])


def walk(value, path, leaf):
    if isinstance(value, dict):
        return {name: walk(inner, path + [name], leaf) for name, inner in value.items()}
    if isinstance(value, list):
        return [walk(item, path, leaf) for item in value]
    return value if value is None else leaf(value, path)


def secret_path(path, rule):
    return any(re.search(rule, name) for name in path)


def age(arguments, content):
    return subprocess.run(["age", *arguments], input=content, stdout=subprocess.PIPE, check=True).stdout


def decrypt(key_file):
    documents = list(yaml.safe_load_all(sys.stdin))
    metadata = [document.pop("sops") for document in documents][0]
    key = age(["--decrypt", "--identity", key_file], metadata["age"][0]["enc"].encode())
    rule, only = metadata["encrypted_regex"], metadata.get("mac_only_encrypted", False)
    mac = hashlib.sha512(hashlib.sha256(b"sops").digest() if only else b"")

    def leaf(value, path):
        is_secret = secret_path(path, rule)
        plain = decrypt_value(value, key, ":".join(path) + ":") if is_secret else value
        if is_secret or not only:
            mac.update(as_bytes(plain))
        return plain

    plain = [walk(document, [], leaf) for document in documents]
    told = decrypt_value(metadata["mac"], key, metadata["lastmodified"])
    print(json.dumps({"documents": plain, "mac": told == mac.hexdigest().upper()}))


def encrypt(recipient, rule):
    documents = list(yaml.safe_load_all(sys.stdin))
    key = os.urandom(32)
    mac = hashlib.sha512()

    def leaf(value, path):
        mac.update(as_bytes(value))
        return encrypt_value(value, key, ":".join(path) + ":") if secret_path(path, rule) else value

    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    sealed = [walk(document, [], leaf) for document in documents]
    wrapped = age(["--armor", "--recipient", recipient], key).decode()
    metadata = {
        "kms": [],
        "gcp_kms": [],
        "azure_kv": [],
        "hc_vault": [],
        "age": [{"recipient": recipient, "enc": wrapped}],
        "lastmodified": now,
        "mac": encrypt_value(mac.hexdigest().upper(), key, now),
        "pgp": [],
        "encrypted_regex": rule,
        "version": "3.8.1",
    }
    for document in sealed:
        document["sops"] = metadata
    print(yaml.dump_all(sealed, sort_keys=False, width=100000, Dumper=NoAliases), end="")


class NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


{"decrypt": decrypt, "encrypt": encrypt}[sys.argv[1]](*sys.argv[2:])
