#!/usr/bin/env bash
# bases.sh <folder> <mongod>: makes the archives of two file systems, where they are missing: debian.tar, as small as
# Debian 12 gets, and mongo.tar, the same with a MongoDB server and the user that MongoDB's own image has.
set -euo pipefail
folder=$1 mongod=$2
root=$folder/root
trap 'rm -rf "$root"' EXIT

archive() { tar --numeric-owner -C "$root" -cf "$folder/$1.unfinished" . && mv "$folder/$1.unfinished" "$folder/$1"; }

slim() {
  chroot "$root" apt-get clean
  rm -rf "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,info,locale}/*
}

if [ ! -f "$folder/debian.tar" ]; then
  # From where this machine's packages come.
  mirror=$(apt-cache policy base-files | grep -oE 'https?://[^ ]+' | head -n 1)
  rm -rf "$root"
  debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg bookworm "$root" "$mirror" >&2
  slim
  archive debian.tar
fi

if [ ! -f "$folder/mongo.tar" ]; then
  rm -rf "$root"
  mkdir "$root"
  tar -C "$root" -xf "$folder/debian.tar"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  chroot "$root" sh -c 'apt-get update && apt-get install -y --no-install-recommends libcurl4 libssl3' >&2
  chroot "$root" groupadd --system --gid 999 mongodb
  chroot "$root" useradd --system --uid 999 --gid mongodb --home-dir /data/db mongodb
  mkdir -p "$root/data/db" "$root/data/configdb"
  chown -R 999:999 "$root/data"
  install -m 755 "$mongod" "$root/usr/bin/mongod"
  slim
  archive mongo.tar
fi
