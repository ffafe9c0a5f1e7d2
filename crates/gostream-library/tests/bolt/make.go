// Makes the databases of this folder with bbolt itself; see README.md.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	bolt "go.etcd.io/bbolt"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func open(name string, pageSize int) *bolt.DB {
	os.Remove(name)
	db, err := bolt.Open(name, 0o644, &bolt.Options{PageSize: pageSize})
	check(err)
	return db
}

func bucket(tx *bolt.Tx, name string) *bolt.Bucket {
	made, err := tx.CreateBucketIfNotExists([]byte(name))
	check(err)
	return made
}

// An info dict of one file with one piece; its hash is that of the torrents below.
const info = "d6:lengthi16384e4:name19:Copper.Lanterns.mkv12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae"

// As TorrServer lays it out: a value of JSON for each torrent, one for all settings, one for each watched torrent.
func config(hash string) {
	db := open("config.db", 4096)
	check(db.Update(func(tx *bolt.Tx) error {
		first, _ := json.Marshal(map[string]any{
			"Trackers": [][]string{{"udp://tracker.example:6969/announce"}, {"http://other.example/announce"}},
			"InfoHash": hash, "InfoBytes": []byte(info), "DisplayName": "Copper Lanterns",
			"Webseeds": nil, "DhtNodes": nil, "PeerAddrs": nil,
			"title": "Copper Lanterns (2031)", "category": "movie", "poster": "http://p.example/1.jpg",
			"data": `{"TorrServer":{"Files":[]}}`, "timestamp": 1900000000, "size": 16384,
		})
		second, _ := json.Marshal(map[string]any{
			"Trackers": nil, "InfoHash": [20]byte{0x11}, "InfoBytes": nil, "DisplayName": "Only a name",
		})
		torrents := bucket(tx, "Torrents")
		check(torrents.Put([]byte(hash), first))
		check(torrents.Put([]byte("1100000000000000000000000000000000000000"), second))
		check(bucket(tx, "Settings").Put([]byte("BitTorr"), []byte(`{"CacheSize":67108864,"ConnectionsLimit":60,"RetrackersMode":1}`)))
		return bucket(tx, "Viewed").Put([]byte(hash), []byte(`{"1":{"tc":61.5,"off":4096,"len":16384}}`))
	}))
	check(db.Close())
}

// As the first TorrServers did: a bucket for each torrent.
func older(hash string) {
	db := open("torrserver.db", 4096)
	check(db.Update(func(tx *bolt.Tx) error {
		one, err := bucket(tx, "Torrents").CreateBucket([]byte(hash))
		check(err)
		var time [8]byte
		binary.BigEndian.PutUint64(time[:], 1500000000)
		check(one.Put([]byte("Name"), []byte("Amber Lighthouse")))
		check(one.Put([]byte("Link"), []byte("magnet:?xt=urn:btih:"+hash+"&tr=http%3A%2F%2Ftracker.example%2Fannounce")))
		check(one.Put([]byte("Size"), time[:]))
		return one.Put([]byte("Timestamp"), time[:])
	}))
	check(db.Close())
}

// Every shape that a page can have, on small pages: branches, overflow, free pages, buckets in buckets, inline ones.
func shapes() {
	db := open("shapes.db", 1024)
	for round := 0; round < 3; round++ {
		check(db.Update(func(tx *bolt.Tx) error {
			many := bucket(tx, "many")
			for i := round * 60; i < round*60+80; i++ {
				check(many.Put([]byte(fmt.Sprintf("key %04d", i)), []byte(strings.Repeat("v", 7+i%40))))
			}
			long := bucket(tx, "long")
			check(long.Put([]byte("longer than a page"), []byte(strings.Repeat("0123456789", 500))))
			check(long.Put([]byte("empty"), nil))
			outer, err := bucket(tx, "outer").CreateBucketIfNotExists([]byte("inner"))
			check(err)
			check(outer.Put([]byte("inline"), []byte{0, 1, 2, 255}))
			deep, err := outer.CreateBucketIfNotExists([]byte("deep"))
			check(err)
			return deep.Put([]byte("longer"), []byte(strings.Repeat("x", 3000)))
		}))
	}
	check(db.Update(func(tx *bolt.Tx) error {
		many := bucket(tx, "many")
		for i := 0; i < 120; i += 2 {
			check(many.Delete([]byte(fmt.Sprintf("key %04d", i))))
		}
		bucket(tx, "no value")
		return bucket(tx, "inline").Put([]byte("small"), []byte("value"))
	}))
	listing := map[string]any{}
	check(db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, one *bolt.Bucket) error {
			listing[string(name)] = listed(one)
			return nil
		})
	}))
	if db.Stats().FreePageN == 0 {
		panic("no page is free")
	}
	text, err := json.Marshal(listing)
	check(err)
	check(os.WriteFile("shapes.json", append(text, '\n'), 0o644))
	check(db.Close())
}

func listed(from *bolt.Bucket) map[string]any {
	found := map[string]any{}
	check(from.ForEach(func(key, value []byte) error {
		if value == nil && from.Bucket(key) != nil {
			found[string(key)] = listed(from.Bucket(key))
		} else {
			found[string(key)] = fmt.Sprintf("%x", value)
		}
		return nil
	}))
	return found
}

func main() {
	hash := os.Args[1]
	config(hash)
	older(hash)
	shapes()
}
