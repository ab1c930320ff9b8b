package mongostorage

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// open gives a storage in a database of its own on the replica set of TOLLGATE_TEST_MONGODB_URI.
func open(t *testing.T) *Storage {
	t.Helper()
	uri := os.Getenv("TOLLGATE_TEST_MONGODB_URI")
	if uri == "" {
		t.Skip("TOLLGATE_TEST_MONGODB_URI is not set")
	}
	client, err := connect(uri)
	if err != nil {
		t.Fatal(err)
	}
	database := client.Database("caddy_" + bson.NewObjectID().Hex())
	t.Cleanup(func() {
		_ = database.Drop(context.Background())
		_ = client.Destruct()
	})
	storage := new(Storage)
	storage.use(database, "certificates", zap.NewNop())
	return storage
}

func TestFilesAreKeptListedAndDeleted(t *testing.T) {
	storage, ctx := open(t), t.Context()
	for _, key := range []string{"a/b/one.crt", "a/b/one.key", "a/b+c/two.crt", "a/b.crt", "z"} {
		if err := storage.Store(ctx, key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	value, err := storage.Load(ctx, "a/b/one.key")
	if err != nil || !bytes.Equal(value, []byte("a/b/one.key")) {
		t.Fatalf("%q %v", value, err)
	}
	if _, err := storage.Load(ctx, "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a folder was loaded: %v", err)
	}
	expect := func(folder string, recursive bool, want ...string) {
		t.Helper()
		if keys, err := storage.List(ctx, folder, recursive); err != nil || !slices.Equal(keys, want) {
			t.Fatalf("%s: %v %v, want %v", folder, keys, err, want)
		}
	}
	expect("a", false, "a/b", "a/b+c", "a/b.crt")
	expect("a/b", true, "a/b/one.crt", "a/b/one.key")
	expect("", false, "a", "z")
	file, err := storage.Stat(ctx, "z")
	if err != nil || !file.IsTerminal || file.Size != 1 || time.Since(file.Modified) > time.Minute {
		t.Fatalf("%+v %v", file, err)
	}
	folder, err := storage.Stat(ctx, "a/b")
	if err != nil || folder.IsTerminal || !storage.Exists(ctx, "a/b") || storage.Exists(ctx, "a/x") {
		t.Fatalf("%+v %v", folder, err)
	}
	if err := storage.Delete(ctx, "a/b"); err != nil {
		t.Fatal(err)
	}
	expect("", true, "a/b+c/two.crt", "a/b.crt", "z")
}

func TestALockIsHeldByOneUntilItIsGivenBack(t *testing.T) {
	one, ctx := open(t), t.Context()
	other := new(Storage)
	other.use(one.files.Database(), "certificates", zap.NewNop())
	if err := one.Lock(ctx, "example.com"); err != nil {
		t.Fatal(err)
	}
	if taken, err := other.TryLock(ctx, "example.com"); taken || err != nil {
		t.Fatalf("%v %v", taken, err)
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := other.Lock(short, "example.com"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	if err := other.Unlock(ctx, "example.com"); err != nil {
		t.Fatal(err)
	}
	if taken, _ := other.TryLock(ctx, "example.com"); taken {
		t.Fatal("one's lock was given back by the other")
	}
	if err := one.Unlock(ctx, "example.com"); err != nil {
		t.Fatal(err)
	}
	if err := other.Lock(ctx, "example.com"); err != nil {
		t.Fatal(err)
	}
}

func TestALockOutlivesItsLeaseOnlyWhileItIsRenewed(t *testing.T) {
	one, ctx := open(t), t.Context()
	other := new(Storage)
	other.use(one.files.Database(), "certificates", zap.NewNop())
	one.locks.lease, one.locks.renewal = time.Second, 200*time.Millisecond
	if err := one.Lock(ctx, "kept"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	if taken, err := other.TryLock(ctx, "kept"); taken || err != nil {
		t.Fatalf("a lock that is renewed was taken: %v %v", taken, err)
	}
	one.locks.held["kept"].stop()
	time.Sleep(2 * time.Second)
	if taken, err := other.TryLock(ctx, "kept"); !taken || err != nil {
		t.Fatalf("a lock of a process that died stays: %v %v", taken, err)
	}
}

func TestALockThatWasLostIsToldAndNotTakenAgainBeforeItIsGivenBack(t *testing.T) {
	one, ctx := open(t), t.Context()
	core, told := observer.New(zap.ErrorLevel)
	one.locks.logger, one.locks.renewal = zap.New(core), 50*time.Millisecond
	if err := one.Lock(ctx, "lost"); err != nil {
		t.Fatal(err)
	}
	// As if the lease had run out while this process stood still, and another had taken and given it back.
	if _, err := one.locks.collection.DeleteOne(ctx, bson.D{{Key: "_id", Value: "lost"}}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); told.Len() == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody was told that the lock is lost")
		}
	}
	if taken, err := one.TryLock(ctx, "lost"); taken || err != nil {
		t.Fatalf("a second holder came in while the first one works: %v %v", taken, err)
	}
	if err := one.Unlock(ctx, "lost"); err != nil {
		t.Fatal(err)
	}
	if taken, err := one.TryLock(ctx, "lost"); !taken || err != nil {
		t.Fatalf("%v %v", taken, err)
	}
}
