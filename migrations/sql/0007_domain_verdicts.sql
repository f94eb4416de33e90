CREATE TABLE "domain_rule" (
	"name" text PRIMARY KEY NOT NULL,
	"delivered_threshold" bigint NOT NULL,
	"judged_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "domain_totals" (
	"shard" integer PRIMARY KEY NOT NULL,
	"catch_all" bigint DEFAULT 0 NOT NULL,
	"not_catch_all" bigint DEFAULT 0 NOT NULL,
	"unknown" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "producer_marks" (
	"topic" text NOT NULL,
	"topic_epoch" text NOT NULL,
	"partition" integer NOT NULL,
	"producer" uuid NOT NULL,
	"sequence" bigint NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "producer_marks_topic_topic_epoch_partition_producer_pk" PRIMARY KEY("topic","topic_epoch","partition","producer")
);
--> statement-breakpoint
ALTER TABLE "domain_counters" ADD COLUMN "verdict" text DEFAULT 'unknown' NOT NULL;--> statement-breakpoint
ALTER TABLE "domain_counters" ADD COLUMN "verdict_before" text;--> statement-breakpoint
ALTER TABLE "domain_counters" ADD COLUMN "verdict_changes" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "domain_counters_verdict" ON "domain_counters" USING btree ("verdict","domain" collate "C");--> statement-breakpoint
CREATE INDEX "domain_counters_verdict_end" ON "domain_counters" USING btree ("verdict",reverse("domain") collate "C");