package mongostorage

import (
	"context"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/zap"
)

const (
	// lease is how long a lock outlives the process that took it.
	lease = time.Minute
	// renewal leaves room for two that fail.
	renewal = lease / 3
	// pollInterval is how often a lock that somebody else has is tried again.
	pollInterval = 500 * time.Millisecond
)

// locker keeps locks as documents {_id: name, owner, expires}. Only the server's clock counts.
type locker struct {
	collection *mongo.Collection
	logger     *zap.Logger
	lease      time.Duration
	renewal    time.Duration

	mutex sync.Mutex
	held  map[string]heldLock
}

// heldLock is a lock of this process: who it says it is, and what stops its renewal (nil while it is being taken). It
// stays until its holder gives it back, also when it was lost meanwhile: certmagic names locks and not holders, so a
// second holder in this process could be robbed by the first.
type heldLock struct {
	owner bson.ObjectID
	stop  context.CancelFunc
}

func newLocker(collection *mongo.Collection, logger *zap.Logger) *locker {
	return &locker{
		collection: collection, logger: logger, lease: lease, renewal: renewal, held: map[string]heldLock{},
	}
}

// prepare makes the index by which MongoDB takes abandoned locks out. They are void before that.
func (l *locker) prepare(ctx context.Context) error {
	expiry := options.Index().SetName("expires").SetExpireAfterSeconds(3600)
	keys := bson.D{{Key: "expires", Value: 1}}
	_, err := l.collection.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: keys, Options: expiry})
	return err
}

func (l *locker) lock(ctx context.Context, name string) error {
	for {
		if taken, err := l.tryLock(ctx, name); taken || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

func (l *locker) tryLock(ctx context.Context, name string) (bool, error) {
	owner := bson.NewObjectID()
	if !l.reserve(name, owner) {
		return false, nil
	}
	taken, err := l.take(ctx, name, owner)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if !taken {
		delete(l.held, name)
		return false, err
	}
	// The lock lives as long as its holder works, whatever becomes of the context that asked for it.
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.held[name] = heldLock{owner: owner, stop: stop}
	go l.renew(renewing, name, owner)
	return true, nil
}

// reserve keeps others of this process away from a name.
func (l *locker) reserve(name string, owner bson.ObjectID) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if _, known := l.held[name]; known {
		return false
	}
	l.held[name] = heldLock{owner: owner}
	return true
}

// take takes over a document that has expired, else makes one. A live one fits neither filter, so making it again
// collides with it.
func (l *locker) take(ctx context.Context, name string, owner bson.ObjectID) (bool, error) {
	expired := bson.D{{Key: "$lt", Value: bson.A{"$expires", "$$NOW"}}}
	filter := bson.D{{Key: "_id", Value: name}, {Key: "$expr", Value: expired}}
	done, err := l.collection.UpdateOne(ctx, filter, l.until(owner))
	if err == nil && done.MatchedCount == 0 {
		absent := bson.D{{Key: "_id", Value: name}, {Key: "owner", Value: bson.D{{Key: "$exists", Value: false}}}}
		_, err = l.collection.UpdateOne(ctx, absent, l.until(owner), options.UpdateOne().SetUpsert(true))
	}
	if mongo.IsDuplicateKeyError(err) {
		return false, nil
	}
	return err == nil, err
}

func (l *locker) until(owner bson.ObjectID) mongo.Pipeline {
	expires := bson.D{{Key: "$add", Value: bson.A{"$$NOW", l.lease.Milliseconds()}}}
	return mongo.Pipeline{{{Key: "$set", Value: bson.D{{Key: "owner", Value: owner}, {Key: "expires", Value: expires}}}}}
}

func (l *locker) renew(ctx context.Context, name string, owner bson.ObjectID) {
	ticker := time.NewTicker(l.renewal)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		filter := bson.D{{Key: "_id", Value: name}, {Key: "owner", Value: owner}}
		done, err := l.collection.UpdateOne(ctx, filter, l.until(owner))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			l.logger.Warn("cannot renew a lock", zap.String("name", name), zap.Error(err))
		case done.MatchedCount == 0:
			// Its holder works on: certmagic has no way to tell it.
			l.logger.Error("a lock was lost to somebody else", zap.String("name", name))
			return
		}
	}
}

func (l *locker) unlock(ctx context.Context, name string) error {
	l.mutex.Lock()
	mine, known := l.held[name]
	// One that is being taken is not yet anybody's.
	known = known && mine.stop != nil
	if known {
		delete(l.held, name)
	}
	l.mutex.Unlock()
	if !known {
		return nil
	}
	mine.stop()
	// Also when the caller gave up: nobody else should have to wait for the lease to run out.
	_, err := l.collection.DeleteOne(context.WithoutCancel(ctx), bson.D{{Key: "_id", Value: name}, {Key: "owner", Value: mine.owner}})
	return err
}
