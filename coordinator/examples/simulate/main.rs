//! Many lives of tasks, from their creation to their end, in a world where everything goes wrong: `SEEDS=100
//! LIVES=10000 simulate [SEED]`.
//!
//! The pure parts are those of the product: the task machine, the dispatcher's planner, the sharing of shards, the owed
//! effects. Around them, all from one seed and on a virtual clock: messages that come in any order and twice, coordinators
//! that die or only sleep and speak up later ([`nodes`]), hosts that are cut off or lose their agents, pages that die, permits
//! that run out, sites that refuse ([`hosts`]), people who answer late ([`world`]). Every commit keeps the rules
//! ([`rows`]): one permit at a time, terminal states stay, slots are conserved, a stale writer writes nothing; and the
//! employer gets an application once if the task completed, else never. The same seed gives the same run to the last bit.

mod dice;
mod hosts;
mod nodes;
mod rows;
mod wakes;
mod world;

#[cfg(not(test))]
#[expect(clippy::print_stdout, reason = "figures are this program's result")]
fn main() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (seeds, lives) = (number("SEEDS").unwrap_or(3), number("LIVES").unwrap_or(100_000));
    for seed in first..first + seeds {
        let began = std::time::Instant::now();
        let world = world::World::run(seed, lives);
        let rate = lives as f64 / began.elapsed().as_secs_f64();
        println!(
            "simulated task lifetimes/s on one core: {rate:.0} (target 100000), seed {seed}, {} decisions, trace {:016x}",
            world.counts.decided, world.trace
        );
        println!("  {:?}", world.counts);
    }
}

#[cfg(test)]
mod tests {
    use super::world::World;

    const LIVES: u64 = 1_000;

    #[test]
    fn whatever_goes_wrong_nothing_is_lost_and_nothing_sent_twice() {
        let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(3);
        let mut met = [0; 10];
        for seed in 1..=seeds {
            let counts = World::run(seed, LIVES).counts;
            assert_eq!(counts.ended, LIVES);
            assert!(counts.completed > LIVES / 2, "seed {seed}: {counts:?}");
            let new = [
                counts.completed,
                counts.unknown,
                counts.repeated,
                counts.gaps,
                counts.stale_leases,
                counts.fenced,
                counts.adopted,
                counts.refused_claims,
                counts.lost_hosts,
                counts.crashes,
            ];
            met.iter_mut().zip(new).for_each(|(met, new)| *met += new);
        }
        assert!(met.iter().all(|count| *count > 0), "a kind of trouble was not met at all: {met:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_trace() {
        let (one, other) = (World::run(7, LIVES), World::run(7, LIVES));
        assert_eq!((one.trace, one.counts), (other.trace, other.counts));
        assert_ne!(one.trace, World::run(8, LIVES).trace);
    }
}
