//! The group: who joins, who leaves, and which partitions are whose.

use greenroom::flow::Partition;

use super::World;
use crate::house::House;

/// What the group tells a member.
pub(super) enum Callback {
    Assigned(Vec<(Partition, i64)>),
    Revoked(Vec<Partition>),
    Lost(Vec<Partition>),
    /// What is being assigned or revoked just now belongs to others already.
    LostMeanwhile,
}

impl World {
    /// What the group has to say to a house: one thing at a time, which it has to answer.
    pub(super) fn callback(&self, index: usize) -> Option<Callback> {
        let house = self.houses[index].as_ref()?;
        let owned_where = |wanted: &dyn Fn(usize) -> bool| -> Vec<Partition> {
            let ids = house.owned.iter().filter(|id| wanted(**id as usize));
            ids.map(|id| Partition { topic: 0, id: *id }).collect()
        };
        let lost = owned_where(&|id| self.kafka.owners[id] != Some(house.life));
        if house.rebalancing {
            return (!lost.is_empty()).then_some(Callback::LostMeanwhile);
        }
        if !lost.is_empty() {
            return Some(Callback::Lost(lost));
        }
        let revoked = owned_where(&|id| self.targets[id] != index);
        if !revoked.is_empty() {
            return Some(Callback::Revoked(revoked));
        }
        let assigned: Vec<_> = (0..self.targets.len())
            .filter(|id| self.targets[*id] == index && self.kafka.owners[*id].is_none())
            .filter(|id| !self.kafka.transactions.is_pending(*id as i32))
            .map(|id| {
                (
                    Partition {
                        topic: 0,
                        id: id as i32,
                    },
                    self.kafka.committed[id],
                )
            })
            .collect();
        (!assigned.is_empty()).then_some(Callback::Assigned(assigned))
    }

    pub(super) fn call_back(&mut self, index: usize) {
        let Some(callback) = self.callback(index) else {
            return;
        };
        let Some(house) = &mut self.houses[index] else {
            return;
        };
        match callback {
            Callback::LostMeanwhile => house.intake.assignment_lost(),
            Callback::Lost(partitions) => house.intake.lost(partitions),
            Callback::Revoked(partitions) => {
                house.rebalancing = true;
                house.intake.revoked(partitions, self.now);
            }
            Callback::Assigned(starts) => {
                for (partition, _) in &starts {
                    self.kafka.give(partition.id, Some(house.life));
                    house.owned.insert(partition.id);
                }
                house.rebalancing = true;
                house.intake.assigned(starts, self.now);
            }
        }
    }

    pub(super) fn join(&mut self) {
        let Some(index) = self.houses.iter().position(Option::is_none) else {
            return;
        };
        self.lives += 1;
        self.houses[index] = Some(House::new(
            self.lives,
            index,
            self.terms,
            self.mutation,
            self.kafka.counts.clone(),
        ));
        self.retarget();
    }

    pub(super) fn drain(&mut self, index: usize) {
        if let Some(house) = &mut self.houses[index] {
            house.drain(self.now);
        }
    }

    /// The group takes the partitions of a house that does not know it yet.
    pub(super) fn expire(&mut self, index: usize) {
        let Some(house) = &self.houses[index] else {
            return;
        };
        let life = house.life;
        for partition in 0..self.targets.len() {
            self.kafka.release(partition as i32, life);
        }
        self.retarget();
    }

    /// The process is gone with all that it knew; what its client had in flight may yet arrive.
    pub(super) fn crash(&mut self, index: usize) {
        if let Some(mut house) = self.houses[index].take() {
            self.kafka.ghosts.extend(house.client.purge());
            house.leave(&mut self.kafka);
            self.retarget();
        }
    }

    /// A drained process ends.
    pub(super) fn say_goodbye(&mut self) {
        for index in 0..self.houses.len() {
            if self.houses[index]
                .as_ref()
                .is_some_and(|house| house.drained)
            {
                self.tell(index, "drained");
                self.crash(index);
            }
        }
    }

    /// The group thinks again about who is to own what.
    pub(super) fn retarget(&mut self) {
        let members: Vec<_> = (0..self.houses.len())
            .filter(|index| self.houses[*index].is_some())
            .collect();
        let shift = self.dice.below(3);
        for (partition, target) in self.targets.iter_mut().enumerate() {
            *target = members
                .get((partition + shift) % members.len().max(1))
                .copied()
                .unwrap_or(0);
        }
        if self.witness.trace {
            println!("      partitions are meant for {:?}", self.targets);
        }
    }
}
